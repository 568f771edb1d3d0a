// Standardization and its gradients (kernels/standardization.py). A group is what has a mean of its own: ``outer`` runs of
// ``length`` neighbouring elements, a run ``sides * length`` behind the one before. A block does one group.
#include "rows.cuh"

struct Group {
    int64 start, sides, outer, length;

    __device__ int64 size() const { return outer * length; }

    __device__ int64 place(int64 j) const { return start + (outer == 1 ? j : j / length * sides * length + j % length); }
};

__device__ Group this_group(int64 sides, int64 outer, int64 length) {
    int64 number = blockIdx.x;
    Group group = {(number / sides * outer * sides + number % sides) * length, sides, outer, length};
    return group;
}

#define FOR_EACH_OF(j, group) for (int64 j = threadIdx.x; j < (group).size(); j += blockDim.x)

// Element i has the entry ``i / each % parameters`` of gamma and beta.
extern "C" __global__ void standardize(
    const T* x, const T* gamma, const T* beta, T* y, T* normal, T* inv, A epsilon, int centred,
    int64 parameters, int64 each, int64 sides, int64 outer, int64 length
) {
    Group group = this_group(sides, outer, length);
    A mean = 0, squares = 0, n = (A)group.size();
    if (centred) {
        FOR_EACH_OF(j, group) mean += (A)x[group.place(j)];
        mean = over_row<Sum>(mean, blockDim.x) / n;
    }
    FOR_EACH_OF(j, group) {
        A d = (A)x[group.place(j)] - mean;
        squares += d * d;
    }
    A slope = 1 / sqrt(over_row<Sum>(squares, blockDim.x) / n + epsilon);
    if (threadIdx.x == 0) inv[blockIdx.x] = (T)slope;
    FOR_EACH_OF(j, group) {
        int64 i = group.place(j), p = i / each % parameters;
        A value = (A)(T)(((A)x[i] - mean) * slope);
        normal[i] = (T)value;
        if (gamma) value *= (A)gamma[p];
        if (beta) value += (A)beta[p];
        if (y != normal) y[i] = (T)value;
    }
}

// dx = inv (d - mean(d) - normal mean(d normal)), where d = gamma dy
extern "C" __global__ void standardize_gradient(
    const T* dy, const T* normal, const T* inv, const T* gamma, T* dx, int centred,
    int64 parameters, int64 each, int64 sides, int64 outer, int64 length
) {
    Group group = this_group(sides, outer, length);
    A mean = 0, slope = 0, n = (A)group.size();
    FOR_EACH_OF(j, group) {
        int64 i = group.place(j);
        A d = gamma ? (A)dy[i] * (A)gamma[i / each % parameters] : (A)dy[i];
        mean += d;
        slope += d * (A)normal[i];
    }
    slope = over_row<Sum>(slope, blockDim.x) / n;
    mean = centred ? over_row<Sum>(mean, blockDim.x) / n : (A)0;
    A scale = (A)inv[blockIdx.x];
    FOR_EACH_OF(j, group) {
        int64 i = group.place(j);
        A d = gamma ? (A)dy[i] * (A)gamma[i / each % parameters] : (A)dy[i];
        dx[i] = (T)((d - (A)normal[i] * slope - mean) * scale);
    }
}
