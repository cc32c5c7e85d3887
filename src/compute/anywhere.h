// Marks functions that run on the processor and in kernels on a GPU.
#pragma once

#ifdef __CUDACC__
#define TEKIO_ANYWHERE __host__ __device__
#else
#define TEKIO_ANYWHERE
#endif
