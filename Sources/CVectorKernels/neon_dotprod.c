// NEON kernels for aarch64 CPUs with the dot-product extension (ARMv8.2 FEAT_DotProd).
#if defined(__aarch64__)
#define DOTPROD 1
#include "batched.h"

#include <arm_neon.h>
#include <math.h>
#include <string.h>

// Only the kernels, not what the headers declare.
#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)
#include "neon.h"

const tvk_kernels tvk_neon_dotprod_kernels = TVK_TABLE(TVK_LEVEL_NEON);

#pragma clang attribute pop
#endif
