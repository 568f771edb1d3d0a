// Losses: functions of a target t and an output p, element by element, each with both derivatives. Rows as in rows.cuh.
// a: the number that the op takes, or epsilon where it has none. The kernels at the end are compiled for one of them, FUNCTION.
#include "rows.cuh"

__device__ A sign(A x) { return x > 0 ? (A)1 : x < 0 ? (A)-1 : x; }  // NaN stays

__device__ A at_least(A x, A low) { return x < low ? low : x; }

__device__ A within(A x, A low, A high) { return x < low ? low : x > high ? high : x; }

#define F static __device__ A

struct mean_squared_error {
    F value(A t, A p, A a) { return (p - t) * (p - t); }
    F d_output(A t, A p, A a) { return 2 * (p - t); }
    F d_target(A t, A p, A a) { return -d_output(t, p, a); }
};

struct mean_absolute_error {
    F value(A t, A p, A a) { return fabs(p - t); }
    F d_output(A t, A p, A a) { return sign(p - t); }
    F d_target(A t, A p, A a) { return -d_output(t, p, a); }
};

struct huber {
    F value(A t, A p, A a) { A near = d_output(t, p, a); return near * ((p - t) - (A)0.5 * near); }
    F d_output(A t, A p, A a) { return within(p - t, -a, a); }
    F d_target(A t, A p, A a) { return -d_output(t, p, a); }
};

struct pseudo_huber {
    F root(A e, A a) { return sqrt(1 + e / a * (e / a)); }
    F value(A t, A p, A a) { return (p - t) * (p - t) / (root(p - t, a) + 1); }
    F d_output(A t, A p, A a) { return (p - t) / root(p - t, a); }
    F d_target(A t, A p, A a) { return -d_output(t, p, a); }
};

struct log_cosh {
    F value(A t, A p, A a) { A size = fabs(p - t); return size + log1p(exp(-2 * size)) - (A)0.6931471805599453; }
    F d_output(A t, A p, A a) { return tanh(p - t); }
    F d_target(A t, A p, A a) { return -d_output(t, p, a); }
};

struct mean_absolute_percentage_error {
    F size(A t, A a) { return at_least(fabs(t), a); }
    F value(A t, A p, A a) { return 100 * fabs((t - p) / size(t, a)); }
    F d_output(A t, A p, A a) { return -(100 * sign((t - p) / size(t, a)) / size(t, a)); }
    F d_target(A t, A p, A a) {
        A ratio = (t - p) / size(t, a);
        return 100 * sign(ratio) / size(t, a) * (1 - ratio * sign(t) * (A)(size(t, a) == fabs(t)));
    }
};

struct mean_squared_logarithmic_error {
    F error(A t, A p, A a) { return log1p(at_least(p, a)) - log1p(at_least(t, a)); }
    F value(A t, A p, A a) { A e = error(t, p, a); return e * e; }
    F d_output(A t, A p, A a) { A q = at_least(p, a); return 2 * error(t, p, a) / (1 + q) * (A)(q == p); }
    F d_target(A t, A p, A a) { A q = at_least(t, a); return -2 * error(t, p, a) / (1 + q) * (A)(q == t); }
};

struct poisson {
    F value(A t, A p, A a) { return p - t * log(p + a); }
    F d_output(A t, A p, A a) { return 1 - t / (p + a); }
    F d_target(A t, A p, A a) { return -log(p + a); }
};

struct kl_divergence {
    F value(A t, A p, A a) { t = within(t, a, 1); return t * log(t / within(p, a, 1)); }
    F d_output(A t, A p, A a) { A q = within(p, a, 1); return -(within(t, a, 1) / q) * (A)(q == p); }
    F d_target(A t, A p, A a) { A s = within(t, a, 1); return (log(s / within(p, a, 1)) + 1) * (A)(s == t); }
};

struct _sigmoid_cross_entropy {
    F value(A t, A z, A a) { return (z > 0 ? z : z <= 0 ? (A)0 : z) - z * t + log1p(exp(-fabs(z))); }
    F d_output(A t, A z, A a) { A e = exp(-fabs(z)); return (z >= 0 ? (A)1 : e) / (1 + e) - t; }
    F d_target(A t, A z, A a) { return -z; }
};

struct _binary_cross_entropy {
    F clipped(A p, A a) { return within(p, a, 1 - a); }
    F value(A t, A p, A a) { A q = clipped(p, a); return -(t * log(q) + (1 - t) * log(1 - q)); }
    F d_output(A t, A p, A a) { A q = clipped(p, a); return (q - t) / (q * (1 - q)) * (A)(q == p); }
    F d_target(A t, A p, A a) { A q = clipped(p, a); return -(log(q) - log(1 - q)); }
};

// y: the sum of each row, divided.
extern "C" __global__ void value(const L* target, const T* output, T* y, A a, A divisor, int64 rows, int64 n, int lanes) {
    Row row = this_row(rows, n, 1, lanes);
    A total = 0;
    FOR_EACH_IN(j, row, n, lanes) total += FUNCTION::value((A)target[row.start + j], (A)output[row.start + j], a);
    total = over_row<Sum>(total, lanes);
    if (row.is_there && row.lane == 0) y[row.number] = (T)(total / divisor);
}

extern "C" __global__ void output_gradient(
    const L* target, const T* output, const T* dy, T* dx, A a, A divisor, int64 columns, int64 n
) {
    FOR_EACH(i, n) dx[i] = (T)((A)dy[i / columns] / divisor * FUNCTION::d_output((A)target[i], (A)output[i], a));
}

extern "C" __global__ void target_gradient(
    const L* target, const T* output, const T* dy, T* dx, A a, A divisor, int64 columns, int64 n
) {
    FOR_EACH(i, n) dx[i] = (T)((A)dy[i / columns] / divisor * FUNCTION::d_target((A)target[i], (A)output[i], a));
}
