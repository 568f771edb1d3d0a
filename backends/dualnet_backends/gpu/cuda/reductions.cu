// Sums of all elements, as they are and weighted, and what metrics count. A block takes every element whose number is its own plus
// a multiple of the number of threads; what several blocks have is added by a second kernel, in the order of the blocks.
#include "rows.cuh"

// The sums of x times its weight and of the weights, over the elements of a block. weights: one for ``each`` elements, or 0 for 1.
__device__ void sums_of_block(const T* x, const T* weights, int64 each, int64 n, A& sum, A& mass) {
    sum = mass = 0;
    FOR_EACH(i, n) {
        A weight = weights ? (A)weights[i / each] : (A)1;
        sum += weights ? (A)(T)((A)x[i] * weight) : (A)x[i];
        if (weights && i % each == 0) mass += weight;
    }
    sum = over_row<Sum>(sum, blockDim.x);
    if (weights) mass = over_row<Sum>(mass, blockDim.x);
}

extern "C" __global__ void sums(const T* x, const T* weights, int64 each, A* partial, int64 n) {
    A sum, mass;
    sums_of_block(x, weights, each, n, sum, mass);
    if (threadIdx.x > 0) return;
    partial[2 * blockIdx.x] = sum;
    partial[2 * blockIdx.x + 1] = mass;
}

__device__ void add_blocks(const A* partial, int64 blocks, A& sum, A& mass) {
    sum = mass = 0;
    for (int64 block = threadIdx.x; block < blocks; block += blockDim.x) {
        sum += partial[2 * block];
        mass += partial[2 * block + 1];
    }
    sum = over_row<Sum>(sum, blockDim.x);
    mass = over_row<Sum>(mass, blockDim.x);
}

// The sum, divided. Of few elements it is computed here, of many from what the blocks have.
extern "C" __global__ void total(
    const T* x, const T* weights, int64 each, const A* partial, int64 blocks, T* out, A divisor, int64 n
) {
    A sum, mass;
    if (partial)
        add_blocks(partial, blocks, sum, mass);
    else
        sums_of_block(x, weights, each, n, sum, mass);
    if (threadIdx.x == 0) *out = (T)((A)(T)sum / divisor);
}

// total += the sum / divisor;  count += samples, or with weights their sum times ``share``
extern "C" __global__ void add_values(
    const T* x, const T* weights, int64 each, const A* partial, int64 blocks, T* total, T* count, A divisor, A samples, A share, int64 n
) {
    A sum, mass;
    if (partial)
        add_blocks(partial, blocks, sum, mass);
    else
        sums_of_block(x, weights, each, n, sum, mass);
    if (threadIdx.x > 0) return;
    *total = (T)((A)*total + (A)(T)((A)(T)sum / divisor));
    *count = (T)((A)*count + (weights ? (A)(T)((A)(T)mass * share) : samples));
}

// The gradient of the sum: dx = dy / divisor, times the weight.
extern "C" __global__ void total_gradient(const T* dy, const T* weights, int64 each, T* dx, A divisor, int64 n) {
    A d = (A)(T)((A)*dy / divisor);
    FOR_EACH(i, n) dx[i] = (T)(weights ? d * (A)weights[i / each] : d);
}

extern "C" __global__ void add_value(T* total, T* count, const T* value, A weight) {
    *total = (T)((A)*total + (A)(T)((A)*value * weight));
    *count = (T)((A)*count + weight);
}
