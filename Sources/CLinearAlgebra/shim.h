#ifndef TRENDEX_LINEAR_ALGEBRA_H
#define TRENDEX_LINEAR_ALGEBRA_H
#include <cblas.h>
#include <lapacke.h>
#endif
