// Gradients of a bias: sums over all elements of a channel (columns.cuh), also together with the gradient of the activation behind it.
#include "activations.cuh"
#include "columns.cuh"

// The sums, or with several chunks those of each.
__device__ void write_sums(const Columns& columns, A sum, T* out, A* partial) {
    int64 c = columns.channel();
    if (threadIdx.x >= columns.lanes || c >= columns.channels) return;
    if (gridDim.y == 1)
        out[c] = (T)sum;
    else
        partial[blockIdx.y * columns.channels + c] = sum;
}

extern "C" __global__ void sums(const T* x, T* out, A* partial, int64 channels, int64 inner, int64 n, int64 lanes) {
    Columns columns = {channels, inner, n, lanes};
    A sum, none;
    sum_columns(columns, [=](int64 i, int64 c, A& a, A& b) { a += (A)x[i]; }, sum, none);
    write_sums(columns, sum, out, partial);
}

// dz = dy times the derivative at the output y, and the sums of dz.
extern "C" __global__ void gradients(
    const T* y, const T* dy, T* dz, T* out, A* partial, int64 channels, int64 inner, int64 n, int64 lanes
) {
    Columns columns = {channels, inner, n, lanes};
    A sum, none;
    auto value = [=](int64 i, int64 c, A& a, A& b) {
        T d = (T)((A)dy[i] * FUNCTION::slope((A)y[i], 1, 0));
        dz[i] = d;
        a += (A)d;
    };
    sum_columns(columns, value, sum, none);
    write_sums(columns, sum, out, partial);
}

extern "C" __global__ void add_chunks(const A* partial, T* out, int64 chunks, int64 channels) {
    FOR_EACH(c, channels) {
        A sum = 0;
        for (int64 chunk = 0; chunk < chunks; chunk++) sum += partial[chunk * channels + c];
        out[c] = (T)sum;
    }
}
