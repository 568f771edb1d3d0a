// Rows of n elements, each shared by ``lanes`` neighbouring threads: a power of two up to 32, or the whole block.
// Element j of a row stands at ``start + j * step``, and a thread takes those whose j is its lane plus a multiple of ``lanes``.

struct Row {
    int64 number, start, step;
    int lane;
    bool is_there;  // the last block may have more threads than rows: those run along on the last row, and write nothing
};

// inner: how many rows lie side by side, 1 where the elements of a row do.
__device__ Row this_row(int64 rows, int64 n, int64 inner, int lanes) {
    int64 number = (blockIdx.x * (int64)blockDim.x + threadIdx.x) / lanes;
    bool is_there = number < rows;
    number = is_there ? number : rows - 1;
    Row row = {number, number / inner * n * inner + number % inner, inner, (int)(threadIdx.x % lanes), is_there};
    return row;
}

#define FOR_EACH_IN(j, row, n, lanes) for (int64 j = (row).lane; j < (n); j += (lanes))

struct Sum {
    static __device__ A of(A a, A b) { return a + b; }
};

struct Largest {
    static __device__ A of(A a, A b) { return b > a ? b : a; }
};

// What the threads of a row have, combined in an order that depends on ``lanes`` alone. All of them get the same bits.
template <class Combine>
__device__ A over_row(A value, int lanes) {
    for (int distance = (lanes < 32 ? lanes : 32) / 2; distance > 0; distance /= 2)
        value = Combine::of(value, __shfl_xor_sync(0xFFFFFFFFu, value, distance));
    if (lanes <= 32) return value;
    __shared__ A of_warps[32];
    __syncthreads();  // until all have read what the reduction before left there
    if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = value;
    __syncthreads();
    value = of_warps[0];
    for (int warp = 1; warp < blockDim.x / 32; warp++) value = Combine::of(value, of_warps[warp]);
    return value;
}
