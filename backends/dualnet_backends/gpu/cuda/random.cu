// Philox4x64-10: the bits of kernels/random.py  (Salmon et al., SC 2011), and those of kernels/normal.py and kernels/noise.py.

#include "numbers.cuh"

struct Words {
    uint64 w[4];
};

// The four words of a block. Its number counts from 1; words 2 and 3 of the counter are the step.
__device__ Words philox(uint64 block, uint64 step, uint64 high, uint64 k0, uint64 k1) {
    uint64 c0 = block, c1 = 0, c2 = step, c3 = high;
    for (int round = 0; round < 10; round++) {
        uint64 h0 = __umul64hi(c0, 0xD2E7470EE14C6C93ull), l0 = c0 * 0xD2E7470EE14C6C93ull;
        uint64 h1 = __umul64hi(c2, 0xCA5A826395121157ull), l1 = c2 * 0xCA5A826395121157ull;
        c0 = h1 ^ c1 ^ k0;
        c1 = l1;
        c2 = h0 ^ c3 ^ k1;
        c3 = l0;
        k0 += 0x9E3779B97F4A7C15ull;
        k1 += 0xBB67AE8584CAA73Bull;
    }
    Words result = {{c0, c1, c2, c3}};
    return result;
}

// The key and the step of a stream. A captured step repeats its launches with the same arguments: there the number of the step stands
// in memory, at ``at``.
#define STREAM uint64 k0, uint64 k1, const uint64 *at, uint64 step, uint64 high
#define BLOCK(i) philox((i) + 1, at ? *at : step, high, k0, k1)

extern "C" __global__ void words(uint64* out, STREAM, int64 n) {
    FOR_EACH(i, (n + 3) / 4) {
        Words block = BLOCK(i);
        for (int j = 0; j < 4 && 4 * i + j < n; j++) out[4 * i + j] = block.w[j];
    }
}

// The j-th of the eight numbers in [0, 1) of a block.
__device__ float uniform_float(const Words& block, int j) {
    return (float)((uint32)(block.w[j / 2] >> (32 * (j % 2))) >> 8) * 5.9604644775390625e-08f;  // 2^-24
}

extern "C" __global__ void uniform(T* out, A width, A low, STREAM, int64 n) {
    const int size = sizeof(T) == 8 ? 4 : 8;
    FOR_EACH(i, (n + size - 1) / size) {
        Words block = BLOCK(i);
        for (int j = 0; j < size && size * i + j < n; j++) {
            A u = size == 4 ? (A)((double)(block.w[j] >> 11) * 1.1102230246251565e-16) : (A)uniform_float(block, j);  // 2^-53
            out[size * i + j] = (T)(u * width + low);
        }
    }
}

// -- normal numbers: kernels/normal.py, which has the coefficients from ------------------------------------------------------

__constant__ double LOG[] = {1.9999999999999472,  0.6666666667957926,  0.3999999489183238,
                             0.28572166145875727, 0.2217424991007749, 0.19608095639753054};
__constant__ double SIN[] = {1.1107207345395869,     -0.45676559374834513,   0.05635119636529245,
                             -0.0033104990052577913, 0.00011344062121406245, -2.514744841463022e-06};
__constant__ double COS[] = {0.7071067811865475,    -0.8723580249548468,     0.17937142921624885,  -0.014752708706835612,
                             0.0006500149443476654, -1.7819186532194025e-05, 3.291791502603771e-07};

__device__ double polynomial(const double* c, int size, double x) {
    double y = x * c[size - 1];
    for (int j = size - 2; j > 0; j--) y = (y + c[j]) * x;
    return y + c[0];
}

// sqrt(-2 log(u)) for u in (0, 1).
__device__ double radius(double u) {
    int64 bits = __double_as_longlong(u);
    int exponent = (int)(bits >> 52) - 1022;
    double m = __longlong_as_double((bits & 0xFFFFFFFFFFFFFll) | 0x3FE0000000000000ll);  // from 1/2 to 1
    bool below = m < 0.7071067811865476;
    m = below ? m + m : m;
    double s = (m - 1.0) / (m + 1.0);
    double log = s * polynomial(LOG, 6, s * s) + (double)(exponent - below) * 0.6931471805599453;
    return sqrt(log * -2.0);
}

// The two numbers of a word.
__device__ void normal_pair(uint64 word, double* pair) {
    uint64 low = word & 0xFFFFFFFFull;
    double r = radius(((double)(word >> 32) + 0.5) * 2.3283064365386963e-10);                      // 2^-32
    double t = ((double)(low & 0x3FFFFFFFull) + 0.5) * 9.313225746154785e-10 - 0.5, square = t * t;  // 2^-30
    double c = polynomial(COS, 7, square), s = polynomial(SIN, 6, square) * t;
    pair[0] = (c - s) * r * (1.0 - (double)(low >> 31) * 2.0);
    pair[1] = (c + s) * r * (1.0 - (double)(low >> 30 & 1) * 2.0);
}

// The eight numbers of a block.
__device__ void normal_block(const Words& block, double* z) {
    for (int j = 0; j < 4; j++) normal_pair(block.w[j], z + 2 * j);
}

extern "C" __global__ void normal(T* out, STREAM, int64 n) {
    FOR_EACH(i, (n + 7) / 8) {
        double z[8];
        normal_block(BLOCK(i), z);
        for (int j = 0; j < 8 && 8 * i + j < n; j++) out[8 * i + j] = (T)z[j];
    }
}

// -- noise -----------------------------------------------------------------------------------------------------------------

// One 16-bit lane decides an element; a thread writes the sixteen elements of a block.
#define LANE(block, j) ((uint32)((block).w[(j) / 4] >> (16 * ((j) % 4))) & 0xFFFFu)

extern "C" __global__ void dropout_mask(T* out, uint32 limit, A scale, STREAM, int64 n) {
    FOR_EACH(i, (n + 15) / 16) {
        Words block = BLOCK(i);
        for (int j = 0; j < 16 && 16 * i + j < n; j++) out[16 * i + j] = LANE(block, j) >= limit ? (T)scale : (T)0;
    }
}

extern "C" __global__ void dropout(T* y, T* mask, const T* x, uint32 limit, A scale, STREAM, int64 n) {
    FOR_EACH(i, (n + 15) / 16) {
        Words block = BLOCK(i);
        for (int j = 0; j < 16 && 16 * i + j < n; j++) {
            A factor = LANE(block, j) >= limit ? scale : (A)0;
            mask[16 * i + j] = (T)factor;
            y[16 * i + j] = (T)((A)x[16 * i + j] * factor);
        }
    }
}

extern "C" __global__ void gaussian_noise(T* y, const T* x, A deviation, STREAM, int64 n) {
    FOR_EACH(i, (n + 7) / 8) {
        double z[8];
        normal_block(BLOCK(i), z);
        for (int j = 0; j < 8 && 8 * i + j < n; j++) {
            N noise = N((A)(T)z[j]) * N(deviation);
            store(y, 8 * i + j, noise + load(x, 8 * i + j));
        }
    }
}

extern "C" __global__ void gaussian_dropout(T* y, T* factor, const T* x, A deviation, STREAM, int64 n) {
    FOR_EACH(i, (n + 7) / 8) {
        double z[8];
        normal_block(BLOCK(i), z);
        for (int j = 0; j < 8 && 8 * i + j < n; j++) {
            N noise = N((A)(T)z[j]) * N(deviation) + N((A)1);
            store(factor, 8 * i + j, noise);
            store(y, 8 * i + j, load(x, 8 * i + j) * noise);
        }
    }
}

extern "C" __global__ void alpha_dropout(
    T* y, T* slope, const T* x, float rate, A scale, A drop, A shift, STREAM, int64 n
) {
    FOR_EACH(i, (n + 7) / 8) {
        Words block = BLOCK(i);
        for (int j = 0; j < 8 && 8 * i + j < n; j++) {
            N keep = N(uniform_float(block, j) >= rate ? (A)1 : (A)0);
            N factor = keep * N(scale), offset = (keep - N((A)1)) * N(drop) + N(shift);
            store(slope, 8 * i + j, factor);
            store(y, 8 * i + j, load(x, 8 * i + j) * factor + offset);
        }
    }
}
