// Batch normalization and its gradients (kernels/normalization.py), channels as in columns.cuh.
#include "columns.cuh"

// The mean and the sum of squared distances from it of the elements of a channel that belong to this block.
__device__ void moments_of_block(const Columns& columns, const T* x, A& mean, A& squares, int64& count) {
    int64 per_chunk = (columns.n + gridDim.y - 1) / gridDim.y, left = columns.n - blockIdx.y * per_chunk;
    A none, sum;
    count = left < per_chunk ? (left > 0 ? left : 0) : per_chunk;
    sum_columns(columns, [=](int64 i, int64 c, A& a, A& b) { a += (A)x[i]; }, sum, none);
    A center = mean = count > 0 ? sum / (A)count : (A)0;
    auto square = [=](int64 i, int64 c, A& a, A& b) { A d = (A)x[i] - center; a += d * d; };
    sum_columns(columns, square, squares, none);
}

// What follows from the moments of a batch: 1 / deviation, and the moving statistics.
__device__ void write_statistics(
    int64 c, A batch_mean, A squares, int64 n, T* mean, T* inv, T* moving_mean, T* moving_variance, A epsilon, A keep, A take
) {
    A variance = squares / (A)n;
    mean[c] = (T)batch_mean;
    inv[c] = (T)(1 / sqrt(variance + epsilon));
    if (moving_mean) moving_mean[c] = (T)((A)(T)((A)moving_mean[c] * keep) + batch_mean * take);
    if (moving_variance) moving_variance[c] = (T)((A)(T)((A)moving_variance[c] * keep) + variance * take);
}

extern "C" __global__ void moments(
    const T* x, T* mean, T* inv, T* moving_mean, T* moving_variance, A epsilon, A keep, A take, A* partial,
    int64 channels, int64 inner, int64 n, int64 lanes
) {
    Columns columns = {channels, inner, n, lanes};
    A center, squares;
    int64 count, c = columns.channel();
    moments_of_block(columns, x, center, squares, count);
    if (threadIdx.x >= lanes || c >= channels) return;
    if (gridDim.y == 1) {
        write_statistics(c, center, squares, n, mean, inv, moving_mean, moving_variance, epsilon, keep, take);
        return;
    }
    A* own = partial + 3 * (blockIdx.y * channels + c);
    own[0] = center;
    own[1] = squares;
    own[2] = (A)count;
}

// The moments of two parts are those of the whole by the formula of Chan, Golub and LeVeque (COMPSTAT 1982).
extern "C" __global__ void join_moments(
    const A* partial, T* mean, T* inv, T* moving_mean, T* moving_variance, A epsilon, A keep, A take, int64 chunks, int64 n, int64 channels
) {
    FOR_EACH(c, channels) {
        A center = 0, squares = 0, count = 0;
        for (int64 chunk = 0; chunk < chunks; chunk++) {
            const A* part = partial + 3 * (chunk * channels + c);
            if (part[2] == 0) continue;
            A both = count + part[2], distance = part[0] - center;
            center += distance * (part[2] / both);
            squares += part[1] + distance * distance * (count * (part[2] / both));
            count = both;
        }
        write_statistics(c, center, squares, n, mean, inv, moving_mean, moving_variance, epsilon, keep, take);
    }
}

extern "C" __global__ void normalize(
    const T* x, const T* mean, const T* inv, const T* gamma, const T* beta, T* y, int64 channels, int64 inner, int64 n
) {
    FOR_EACH(i, n) {
        int64 c = i / inner % channels;
        A value = ((A)x[i] - (A)mean[c]) * (gamma ? (A)(T)((A)inv[c] * (A)gamma[c]) : (A)inv[c]);
        y[i] = (T)(beta ? value + (A)beta[c] : value);
    }
}

__device__ T activated(A x, int activation) {  // by relu (1) or relu6 (2)
    if (activation > 0 && x <= 0) x = 0;
    if (activation == 2 && x > 6) x = 6;
    return (T)x;
}

// y = scale x + shift for fixed statistics.
extern "C" __global__ void normalize_inference(
    const T* x, const T* mean, const T* inv, const T* gamma, const T* beta, T* y, int activation, int64 channels, int64 inner, int64 n
) {
    FOR_EACH(i, n) {
        int64 c = i / inner % channels;
        A scale = gamma ? (A)(T)((A)inv[c] * (A)gamma[c]) : (A)inv[c];
        A shift = (A)(T)(-(A)mean[c] * scale);
        if (beta) shift = (A)(T)(shift + (A)beta[c]);
        y[i] = activated((A)(T)((A)(T)((A)x[i] * scale) + shift), activation);
    }
}

// Element i has the entry ``i / each % parameters`` of scale and shift. y may be x.
extern "C" __global__ void scale_and_shift(
    const T* x, const T* scale, const T* shift, T* y, int activation, int64 parameters, int64 each, int64 n
) {
    FOR_EACH(i, n) {
        int64 p = i / each % parameters;
        y[i] = activated((A)(T)((A)(T)((A)x[i] * (A)scale[p]) + (A)shift[p]), activation);
    }
}

// dbeta: the sums of dy; dgamma: those of dy (x - mean) inv. Without a mean x is normal already.
extern "C" __global__ void parameter_gradients(
    const T* dy, const T* x, const T* mean, const T* inv, T* dgamma, T* dbeta, A* partial,
    int64 channels, int64 inner, int64 n, int64 lanes
) {
    Columns columns = {channels, inner, n, lanes};
    A sum, product;
    auto value = [=](int64 i, int64 c, A& a, A& b) {
        A normal = mean ? ((A)x[i] - (A)mean[c]) * (A)inv[c] : (A)x[i];
        a += (A)dy[i];
        b += normal * (A)dy[i];
    };
    sum_columns(columns, value, sum, product);
    int64 c = columns.channel();
    if (threadIdx.x >= lanes || c >= channels) return;
    if (gridDim.y == 1) {
        if (dbeta) dbeta[c] = (T)sum;
        if (dgamma) dgamma[c] = (T)product;
        return;
    }
    partial[2 * (blockIdx.y * channels + c)] = sum;
    partial[2 * (blockIdx.y * channels + c) + 1] = product;
}

extern "C" __global__ void join_gradients(const A* partial, T* dgamma, T* dbeta, int64 chunks, int64 channels) {
    FOR_EACH(c, channels) {
        A sum = 0, product = 0;
        for (int64 chunk = 0; chunk < chunks; chunk++) {
            sum += partial[2 * (chunk * channels + c)];
            product += partial[2 * (chunk * channels + c) + 1];
        }
        if (dbeta) dbeta[c] = (T)sum;
        if (dgamma) dgamma[c] = (T)product;
    }
}

// dx = gamma inv (dy - dbeta / n - (x - mean) inv dgamma / n)
extern "C" __global__ void input_gradient(
    const T* dy, const T* x, const T* mean, const T* inv, const T* gamma, const T* dgamma, const T* dbeta, T* dx,
    A count, int64 channels, int64 inner, int64 n
) {
    FOR_EACH(i, n) {
        int64 c = i / inner % channels;
        A normal = ((A)x[i] - (A)mean[c]) * (A)inv[c], scale = gamma ? (A)inv[c] * (A)gamma[c] : (A)inv[c];
        dx[i] = (T)(((A)dy[i] - normal * ((A)dgamma[c] / count) - (A)dbeta[c] / count) * scale);
    }
}
