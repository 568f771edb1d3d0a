// Softmax, its logarithm and the cross-entropies with them, each with its gradient below it. Rows as in rows.cuh.
#include "rows.cuh"

__device__ A largest(const T* x, Row row, int64 n, int lanes) {
    A top = (A)x[row.start];
    FOR_EACH_IN(j, row, n, lanes) top = Largest::of(top, (A)x[row.start + j * row.step]);
    return over_row<Largest>(top, lanes);
}

// The sum of e^(x - top), which is not 0.
__device__ A sum_of_powers(const T* x, A top, Row row, int64 n, int lanes) {
    A total = 0;
    FOR_EACH_IN(j, row, n, lanes) total += exp((A)x[row.start + j * row.step] - top);
    return over_row<Sum>(total, lanes);
}

extern "C" __global__ void softmax(const T* x, T* y, int64 inner, int64 rows, int64 n, int lanes) {
    Row row = this_row(rows, n, inner, lanes);
    A top = largest(x, row, n, lanes), total = sum_of_powers(x, top, row, n, lanes);
    if (!row.is_there) return;
    FOR_EACH_IN(j, row, n, lanes) {
        int64 i = row.start + j * row.step;
        y[i] = (T)(exp((A)x[i] - top) / total);
    }
}

extern "C" __global__ void softmax_gradient(const T* y, const T* dy, T* dx, int64 inner, int64 rows, int64 n, int lanes) {
    Row row = this_row(rows, n, inner, lanes);
    A mean = 0;
    FOR_EACH_IN(j, row, n, lanes) mean += (A)dy[row.start + j * row.step] * (A)y[row.start + j * row.step];
    mean = over_row<Sum>(mean, lanes);
    if (!row.is_there) return;
    FOR_EACH_IN(j, row, n, lanes) {
        int64 i = row.start + j * row.step;
        dx[i] = (T)((A)y[i] * ((A)dy[i] - mean));
    }
}

extern "C" __global__ void log_softmax(const T* x, T* y, int64 inner, int64 rows, int64 n, int lanes) {
    Row row = this_row(rows, n, inner, lanes);
    A top = largest(x, row, n, lanes), shift = log(sum_of_powers(x, top, row, n, lanes));
    if (!row.is_there) return;
    FOR_EACH_IN(j, row, n, lanes) {
        int64 i = row.start + j * row.step;
        y[i] = (T)(((A)x[i] - top) - shift);
    }
}

extern "C" __global__ void log_softmax_gradient(const T* y, const T* dy, T* dx, int64 inner, int64 rows, int64 n, int lanes) {
    Row row = this_row(rows, n, inner, lanes);
    A total = 0;
    FOR_EACH_IN(j, row, n, lanes) total += (A)dy[row.start + j * row.step];
    total = over_row<Sum>(total, lanes);
    if (!row.is_there) return;
    FOR_EACH_IN(j, row, n, lanes) {
        int64 i = row.start + j * row.step;
        dx[i] = (T)((A)dy[i] - exp((A)y[i]) * total);
    }
}

// The loss of each row and log softmax(z).
extern "C" __global__ void cross_entropy(
    const T* target, const T* z, T* losses, T* log_p, int64 inner, int64 rows, int64 n, int lanes
) {
    Row row = this_row(rows, n, inner, lanes);
    A top = largest(z, row, n, lanes), shift = log(sum_of_powers(z, top, row, n, lanes)), sum = 0;
    FOR_EACH_IN(j, row, n, lanes) {
        int64 i = row.start + j * row.step;
        A value = ((A)z[i] - top) - shift;
        sum += (A)target[i] * value;
        if (row.is_there) log_p[i] = (T)value;
    }
    sum = over_row<Sum>(sum, lanes);
    if (row.is_there && row.lane == 0) losses[row.number] = (T)-sum;
}

extern "C" __global__ void cross_entropy_gradient(
    const T* target, const T* log_p, const T* dy, T* dz, int64 inner, int64 rows, int64 n, int lanes
) {
    Row row = this_row(rows, n, inner, lanes);
    A mass = 0;  // the targets of a row need not sum to one
    FOR_EACH_IN(j, row, n, lanes) mass += (A)target[row.start + j * row.step];
    mass = over_row<Sum>(mass, lanes);
    if (!row.is_there) return;
    A slope = (A)dy[row.number];
    FOR_EACH_IN(j, row, n, lanes) {
        int64 i = row.start + j * row.step;
        dz[i] = (T)((exp((A)log_p[i]) * mass - (A)target[i]) * slope);
    }
}

// The loss of each row and softmax(z). A label outside of the classes makes them NaN, and ``all_valid`` false.
extern "C" __global__ void sparse_cross_entropy(
    const T* z, const L* labels, T* losses, T* p, bool* all_valid, int64 rows, int64 n, int lanes
) {
    Row row = this_row(rows, n, 1, lanes);
    A top = largest(z, row, n, lanes), total = sum_of_powers(z, top, row, n, lanes);
    int64 label = labels[row.number];
    bool is_valid = label >= 0 && label < n;
    A not_a_number = nan("");
    if (!row.is_there) return;
    FOR_EACH_IN(j, row, n, lanes) {
        int64 i = row.start + j;
        p[i] = (T)(is_valid ? exp((A)z[i] - top) / total : not_a_number);
    }
    if (row.lane > 0) return;
    losses[row.number] = (T)(is_valid ? log(total) - ((A)z[row.start + label] - top) : not_a_number);
    if (!is_valid) *all_valid = false;
}

extern "C" __global__ void sparse_cross_entropy_gradient(
    const T* p, const L* labels, const T* dy, T* dz, int64 classes, int64 n
) {
    FOR_EACH(i, n) {
        int64 row = i / classes;
        A at_label = (int64)labels[row] == i % classes ? 1 : 0;
        dz[i] = (T)(((A)p[i] - at_label) * (A)dy[row]);
    }
}
