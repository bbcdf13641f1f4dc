#ifndef C_VECTOR_KERNELS_H
#define C_VECTOR_KERNELS_H
#endif
