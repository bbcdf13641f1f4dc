#ifndef TRENDEX_SNOWBALL_H
#define TRENDEX_SNOWBALL_H
#include <libstemmer.h>
#endif
