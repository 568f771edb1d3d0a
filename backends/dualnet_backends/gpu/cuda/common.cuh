// What every topic is compiled with: T is the dtype of its arrays, and A the dtype in which it computes (float for half and float).
// Products and sums are not contracted into fused multiply-adds (modules.py), so that results have NumPy's rounding.
// A header of the standard library does not compile here: NVRTC has none.

typedef signed char int8;
typedef long long int64;
typedef unsigned int uint32;
typedef unsigned long long uint64;
typedef unsigned short uint16;
typedef unsigned char uint8;

// One thread takes every element whose number is its own plus a multiple of the number of threads.
#define FOR_EACH(i, n) \
    for (int64 i = blockIdx.x * (int64)blockDim.x + threadIdx.x; i < (n); i += (int64)gridDim.x * blockDim.x)
