// Whether predictions are right: R is the dtype of the results, L that of labels. Rows as in rows.cuh.
#include "rows.cuh"

struct Best {
    A value;
    int64 at;
};

// The better of two: the larger, and of equal ones the first. NaN is the largest, as for NumPy.
__device__ Best better(Best a, Best b) {
    bool a_nan = a.value != a.value, b_nan = b.value != b.value;
    bool larger = a_nan || b_nan ? b_nan && !a_nan : b.value > a.value;
    bool equal = a_nan || b_nan ? a_nan && b_nan : b.value == a.value;
    return larger || (equal && b.at < a.at) ? b : a;
}

template <class S>
__device__ int64 argmax(const S* x, Row row, int64 n, int lanes) {
    Best best = {(A)x[row.start], 0};
    FOR_EACH_IN(j, row, n, lanes) {
        Best other = {(A)x[row.start + j], j};
        best = better(best, other);
    }
    for (int distance = (lanes < 32 ? lanes : 32) / 2; distance > 0; distance /= 2) {
        Best other = {__shfl_xor_sync(0xFFFFFFFFu, best.value, distance), __shfl_xor_sync(0xFFFFFFFFu, best.at, distance)};
        best = better(best, other);
    }
    if (lanes <= 32) return best.at;
    __shared__ A values[32];
    __shared__ int64 positions[32];
    __syncthreads();
    if (threadIdx.x % 32 == 0) {
        values[threadIdx.x / 32] = best.value;
        positions[threadIdx.x / 32] = best.at;
    }
    __syncthreads();
    for (int warp = 0; warp < blockDim.x / 32; warp++) {
        Best other = {values[warp], positions[warp]};
        best = better(best, other);
    }
    return best.at;
}

extern "C" __global__ void is_label_largest(const T* scores, const L* labels, R* out, int64 rows, int64 n, int lanes) {
    Row row = this_row(rows, n, 1, lanes);
    int64 best = argmax(scores, row, n, lanes);
    if (row.is_there && row.lane == 0) out[row.number] = (R)(best == (int64)labels[row.number] ? 1.0f : 0.0f);
}

extern "C" __global__ void is_same_largest(const T* scores, const L* targets, R* out, int64 rows, int64 n, int lanes) {
    Row row = this_row(rows, n, 1, lanes);
    int64 best = argmax(scores, row, n, lanes), expected = argmax(targets, row, n, lanes);
    if (row.is_there && row.lane == 0) out[row.number] = (R)(best == expected ? 1.0f : 0.0f);
}

// total += the number of rows whose largest score is the right one / per_sample;  count += samples.  One block; targets: labels, or
// as many as scores.
extern "C" __global__ void add_largest(
    const T* scores, const L* targets, R* total, R* count, int is_one_hot, float per_sample, float samples, int64 rows, int64 n, int lanes
) {
    int hits = 0, groups = blockDim.x / lanes;
    for (int64 first = 0; first < rows; first += groups) {
        int64 number = first + threadIdx.x / lanes;
        bool is_there = number < rows;
        number = is_there ? number : rows - 1;
        Row row = {number, number * n, 1, (int)(threadIdx.x % lanes), is_there};
        int64 best = argmax(scores, row, n, lanes);
        int64 expected = is_one_hot ? argmax(targets, row, n, lanes) : (int64)targets[number];
        hits += is_there && row.lane == 0 && best == expected;
    }
    A sum = over_row<Sum>((A)hits, blockDim.x);
    if (threadIdx.x > 0) return;
    *total = (R)((A)*total + sum / (A)per_sample);
    *count = (R)((A)*count + (A)samples);
}

extern "C" __global__ void is_above(const T* scores, const L* targets, R* out, A threshold, int64 n) {
    FOR_EACH(i, n) out[i] = (R)((A)((A)scores[i] > threshold) == (A)targets[i] ? 1.0f : 0.0f);
}
