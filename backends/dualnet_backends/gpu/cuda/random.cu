// Philox4x64-10: the bits of kernels/random.py  (Salmon et al., SC 2011).

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

// A captured step repeats its launches with the same arguments: there the number of the step stands in memory, at ``at``.
extern "C" __global__ void words(uint64* out, uint64 k0, uint64 k1, const uint64* at, uint64 step, uint64 high, int64 n) {
    step = at ? *at : step;
    FOR_EACH(i, (n + 3) / 4) {
        Words block = philox(i + 1, step, high, k0, k1);
        for (int j = 0; j < 4 && 4 * i + j < n; j++) out[4 * i + j] = block.w[j];
    }
}

// One 16-bit lane decides an element; a thread writes the sixteen elements of a block.
extern "C" __global__ void dropout_mask(
    T* out, uint32 limit, A scale, uint64 k0, uint64 k1, const uint64* at, uint64 step, uint64 high, int64 n
) {
    step = at ? *at : step;
    FOR_EACH(i, (n + 15) / 16) {
        Words block = philox(i + 1, step, high, k0, k1);
        for (int j = 0; j < 16 && 16 * i + j < n; j++) {
            uint32 lane = (uint32)(block.w[j / 4] >> (16 * (j % 4))) & 0xFFFFu;
            out[16 * i + j] = lane >= limit ? (T)scale : (T)0;
        }
    }
}
