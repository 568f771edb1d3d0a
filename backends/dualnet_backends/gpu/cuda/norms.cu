// Norms of gradients and weights: the first kernel leaves one sum per block, and every block of the next adds them up in their order.
// How many blocks there are depends on sizes alone, so the result is always the same.

#include "numbers.cuh"

// What the threads have, added up; all of them get the same bits.
__device__ A block_sum(A value) {
    for (int distance = 16; distance > 0; distance /= 2) value += __shfl_xor_sync(0xFFFFFFFFu, value, distance);
    __shared__ A of_warps[32];
    __syncthreads();  // until all have read what the sum before left there
    if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = value;
    __syncthreads();
    value = 0;
    for (int warp = 0; warp < blockDim.x / 32; warp++) value += of_warps[warp];
    return value;
}

__device__ A sum_of_parts(const A* parts, int64 count) {
    A sum = 0;
    for (int64 j = threadIdx.x; j < count; j += blockDim.x) sum += parts[j];
    return block_sum(sum);
}

const int MAXIMUM = 240;  // as in norms.py

// The arrays of a launch: row y of the grid is for the y-th.
struct Arrays {
    T* at[MAXIMUM];
    int64 sizes[MAXIMUM];
};

extern "C" __global__ void squares(Arrays arrays, A* parts) {
    const T* x = arrays.at[blockIdx.y];
    A sum = 0;
    FOR_EACH(i, arrays.sizes[blockIdx.y]) sum += (A)x[i] * (A)x[i];
    sum = block_sum(sum);
    if (threadIdx.x == 0) parts[blockIdx.y * gridDim.x + blockIdx.x] = sum;
}

// Every array limited by its own norm, of which the parts of its row are the squares.
extern "C" __global__ void clip_norms(Arrays arrays, const A* parts, A limit) {
    N norm = N(root(sum_of_parts(parts + blockIdx.y * gridDim.x, gridDim.x))), factor = N(limit) / larger(norm, N(limit));
    T* x = arrays.at[blockIdx.y];
    FOR_EACH(i, arrays.sizes[blockIdx.y]) store(x, i, load(x, i) * factor);
}

// All limited by their common norm, of ``count`` parts. If that is NaN or infinite, all become NaN.
extern "C" __global__ void clip_global_norm(Arrays arrays, const A* parts, A limit, int64 count) {
    N norm = N(root(sum_of_parts(parts, count))), factor = N(limit) / larger(norm, N(limit)) + (norm - norm);
    T* x = arrays.at[blockIdx.y];
    FOR_EACH(i, arrays.sizes[blockIdx.y]) store(x, i, load(x, i) * factor);
}

// How many elements are NaN or infinite.
extern "C" __global__ void not_finite(Arrays arrays, A* parts) {
    const T* x = arrays.at[blockIdx.y];
    A sum = 0;
    FOR_EACH(i, arrays.sizes[blockIdx.y]) sum += (A)x[i] - (A)x[i] == 0 ? 0 : 1;
    sum = block_sum(sum);
    if (threadIdx.x == 0) parts[blockIdx.y * gridDim.x + blockIdx.x] = sum;
}

extern "C" __global__ void are_zero(bool* out, const A* parts, int64 count) {
    A sum = sum_of_parts(parts, count);
    if (threadIdx.x == 0) *out = sum == 0;
}

// -- Lamb: the moments and the step u, then the weights -----------------------------------------------------------------------

extern "C" __global__ void lamb_step(
    T* w, const T* g, T* m, T* v, T* u, A* parts, SCALAR(correction1), SCALAR(correction2), SCALAR(decay), FIXED(rate1),
    FIXED(rate2), FIXED(epsilon), int64 n
) {
    READ(correction1);
    READ(correction2);
    READ(decay);
    KNOW(rate1);
    KNOW(rate2);
    KNOW(epsilon);
    A w_squares = 0, u_squares = 0;
    FOR_EACH(i, n) {
        N gi = load(g, i), mi = load(m, i), vi = load(v, i), wi = load(w, i) * decay;
        mi = mi + (gi - mi) * rate1;
        vi = vi + (gi * gi - vi) * rate2;
        N ui = (mi / correction1) / (root(vi / correction2) + epsilon);
        store(m, i, mi);
        store(v, i, vi);
        store(w, i, wi);
        store(u, i, ui);
        w_squares += plain(wi) * plain(wi);
        u_squares += plain(ui) * plain(ui);
    }
    w_squares = block_sum(w_squares);
    u_squares = block_sum(u_squares);
    if (threadIdx.x == 0) {
        parts[blockIdx.x] = w_squares;
        parts[gridDim.x + blockIdx.x] = u_squares;
    }
}

extern "C" __global__ void lamb(T* w, const T* u, const A* parts, SCALAR(lr), int64 n) {
    READ(lr);
    N w_norm = N(root(sum_of_parts(parts, gridDim.x))), u_norm = N(root(sum_of_parts(parts + gridDim.x, gridDim.x)));
    N ratio = plain(w_norm) > 0 && plain(u_norm) > 0 ? w_norm / u_norm : N((A)1);
    FOR_EACH(i, n) store(w, i, load(w, i) - lr * ratio * load(u, i));
}

// -- Adafactor: means of squares over rows and over columns of (matrices, rows, columns), the step u, then the weights -----------

#define SQUARE(i) (load(g, i) * load(g, i) + epsilon)

// A warp for each row.
extern "C" __global__ void adafactor_rows(
    const T* g, T* r, SCALAR(keep), SCALAR(rate), FIXED(epsilon), int64 rows, int64 columns
) {
    READ(keep);
    READ(rate);
    KNOW(epsilon);
    int64 row = (blockIdx.x * (int64)blockDim.x + threadIdx.x) / 32;
    A sum = 0;
    if (row < rows)
        for (int64 j = threadIdx.x % 32; j < columns; j += 32) sum += plain(SQUARE(row * columns + j));
    for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_xor_sync(0xFFFFFFFFu, sum, distance);
    if (row < rows && threadIdx.x % 32 == 0) store(r, row, load(r, row) * keep + rate * N(sum / (A)columns));
}

// Sums over parts of the rows.  g: (matrices, rows, columns) -> (parts, matrices, columns)
extern "C" __global__ void adafactor_columns(
    const T* g, A* sums, FIXED(epsilon), int64 rows, int64 columns, int64 parts, int64 n
) {
    KNOW(epsilon);
    FOR_EACH(i, n) {
        int64 matrix = i / columns % (n / parts / columns), part = i / (n / parts);
        A sum = 0;
        for (int64 row = rows * part / parts; row < rows * (part + 1) / parts; row++)
            sum += plain(SQUARE((matrix * rows + row) * columns + i % columns));
        sums[i] = sum;
    }
}

extern "C" __global__ void adafactor_columns_end(
    const A* sums, T* c, SCALAR(keep), SCALAR(rate), int64 rows, int64 parts, int64 n
) {
    READ(keep);
    READ(rate);
    FOR_EACH(i, n) {
        A sum = 0;
        for (int64 part = 0; part < parts; part++) sum += sums[part * n + i];
        store(c, i, load(c, i) * keep + rate * N(sum / (A)rows));
    }
}

// A block for each matrix.
extern "C" __global__ void adafactor_means(const T* r, T* means, int64 rows) {
    A sum = 0;
    for (int64 j = threadIdx.x; j < rows; j += blockDim.x) sum += (A)r[blockIdx.x * rows + j];
    sum = block_sum(sum);
    if (threadIdx.x == 0) store(means, blockIdx.x, N(sum / (A)rows));
}

// means: null for a weight of one axis, which has no r and c.
extern "C" __global__ void adafactor_step(
    const T* w, const T* g, const T* r, const T* c, const T* means, T* v, T* u, A* parts, SCALAR(keep), SCALAR(rate),
    SCALAR(decay), FIXED(epsilon), int64 rows, int64 columns, int64 n
) {
    READ(keep);
    READ(rate);
    READ(decay);
    KNOW(epsilon);
    A w_squares = 0, u_squares = 0;
    FOR_EACH(i, n) {
        int64 row = i / columns, matrix = row / rows;
        N vi = means ? load(r, row) / load(means, matrix) * load(c, matrix * columns + i % columns)
                     : load(v, i) * keep + rate * SQUARE(i);
        N ui = load(g, i) / root(vi), wi = load(w, i) * decay;
        store(v, i, vi);
        store(u, i, ui);
        w_squares += plain(wi) * plain(wi);
        u_squares += plain(ui) * plain(ui);
    }
    w_squares = block_sum(w_squares);
    u_squares = block_sum(u_squares);
    if (threadIdx.x == 0) {
        parts[blockIdx.x] = w_squares;
        parts[gridDim.x + blockIdx.x] = u_squares;
    }
}

extern "C" __global__ void adafactor(
    T* w, const T* u, const A* parts, SCALAR(rho), SCALAR(decay), FIXED(least), FIXED(threshold), int64 n
) {
    READ(rho);
    READ(decay);
    KNOW(least);
    KNOW(threshold);
    N w_length = N(root(sum_of_parts(parts, gridDim.x) / (A)n));
    N u_length = N(root(sum_of_parts(parts + gridDim.x, gridDim.x) / (A)n));
    N alpha = rho * larger(w_length, least), divisor = larger(u_length / threshold, N((A)1));
    FOR_EACH(i, n) store(w, i, load(w, i) * decay - alpha * (load(u, i) / divisor));
}
