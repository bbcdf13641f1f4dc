// NEON kernels for every aarch64 CPU.
#if defined(__aarch64__)
#define DOTPROD 0
#include "neon.h"

const tvk_kernels tvk_neon_kernels = TVK_TABLE(TVK_LEVEL_NEON);
#endif
