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

// The sample, the spatial coordinates and the channel of an element of (samples, lengths..., channels), from its number.
template <class I>
struct Place {
    I sample;
    int at[3], channel;
};

template <class I>
__device__ Place<I> place(I i, const int* lengths, int channels) {
    Place<I> p;
    p.channel = channels == 1 ? 0 : i % channels, i /= channels;
    for (int a = 2; a >= 0; a--) p.at[a] = i % lengths[a], i /= lengths[a];
    p.sample = i;
    return p;
}
