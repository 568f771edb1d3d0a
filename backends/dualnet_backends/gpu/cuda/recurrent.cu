// Recurrent networks over whole sequences: kernels/recurrent.py. The cells are in recurrent_cells.cuh.
//
// A cell is called from two kernels: ``..._step`` takes one step of all samples, between matrix products by the library, and
// ``..._sequence`` takes all steps of one sample in one block, which multiplies by the recurrent kernel itself.

#include "recurrent_cells.cuh"

#define EACH_UNIT(j) for (int64 j = threadIdx.x; j < r.units; j += blockDim.x)

extern __shared__ __align__(16) unsigned char shared_bytes[];

// A row times a matrix, by a block.  x: (k)  w: (k, columns) -> out: (columns).  parts: room for a number of each thread.
// Threads that are left over share columns, each with a part of the sum.
__device__ void times(T* out, const T* x, const T* w, int k, int columns, T* parts) {
    const int shares = max((int)blockDim.x / columns, 1);
    for (int at = threadIdx.x; at < shares * columns; at += blockDim.x) {
        const int share = at / columns, column = at % columns, stop = (int64)k * (share + 1) / shares;
        T sum = 0;
#pragma unroll 4
        for (int i = (int64)k * share / shares; i < stop; i++) sum = fma(x[i], w[(int64)i * columns + column], sum);
        (shares == 1 ? out : parts)[at] = sum;
    }
    __syncthreads();
    if (shares == 1) return;
    for (int column = threadIdx.x; column < columns; column += blockDim.x) {
        T sum = parts[column];
        for (int share = 1; share < shares; share++) sum += parts[share * columns + column];
        out[column] = sum;
    }
    __syncthreads();
}

extern "C" __global__ void begin(Run r, T* h_in) {
    FOR_EACH(i, r.batch * r.units) first_states(r, i / r.units, i % r.units, h_in + i / r.units * r.units);
}

extern "C" __global__ void end(Run r, Back b, const T* product) {
    FOR_EACH(i, r.batch * r.units) b.dh[i] = before(r, b, i / r.units, 0, i % r.units, product + i / r.units * r.units);
}

// One step of all samples: ``cell`` takes rows of ``from`` numbers for a unit, and writes rows of ``to`` numbers.
template <Cell* cell, int from, int to>
__device__ void step(const Run& r, const T* x, T* y, int64 t) {
    FOR_EACH(i, r.batch * r.units) {
        const int64 n = i / r.units;
        cell(r, n, t, i % r.units, x + n * from * r.units, y + n * to * r.units);
    }
}

template <CellBack* cell, int from, int to>
__device__ void step_back(const Run& r, const Back& b, const T* x, T* y, int64 t) {
    FOR_EACH(i, r.batch * r.units) {
        const int64 n = i / r.units;
        cell(r, b, n, t, i % r.units, x + n * from * r.units, y + n * to * r.units);
    }
}

// All steps of the block's sample.  u: the recurrent kernel; backwards, transposed
template <Cell* cell, int gates>
__device__ void sequence(const Run& r, const T* u) {
    T *h_in = (T*)shared_bytes, *z = h_in + r.units, *parts = z + gates * r.units;
    const int64 n = blockIdx.x;
    EACH_UNIT(j) first_states(r, n, j, h_in);
    __syncthreads();
    for (int64 t = 0; t < r.steps; t++) {
        times(z, h_in, u, r.units, gates * r.units, parts);
        EACH_UNIT(j) cell(r, n, t, j, z, h_in);
        __syncthreads();
    }
}

template <CellBack* cell, int gates>
__device__ void sequence_back(const Run& r, const Back& b, const T* u) {
    T *product = (T*)shared_bytes, *dz = product + r.units, *parts = dz + gates * r.units;
    const int64 n = blockIdx.x;
    for (int64 t = r.steps - 1; t >= 0; t--) {
        EACH_UNIT(j) cell(r, b, n, t, j, product, dz);
        __syncthreads();
        times(product, dz, u, gates * r.units, r.units, parts);
    }
    EACH_UNIT(j) b.dh[n * r.units + j] = before(r, b, n, 0, j, product);
}

extern "C" __global__ void lstm_step(Run r, const T* z, T* h_in, int64 t) {
    step<lstm_cell, 4, 1>(r, z, h_in, t);
}

extern "C" __global__ void lstm_step_back(Run r, Back b, const T* product, T* dz, int64 t) {
    step_back<lstm_cell_back, 1, 4>(r, b, product, dz, t);
}

extern "C" __global__ void lstm_sequence(Run r, const T* u) {
    sequence<lstm_cell, 4>(r, u);
}

extern "C" __global__ void lstm_sequence_back(Run r, Back b, const T* u) {
    sequence_back<lstm_cell_back, 4>(r, b, u);
}

extern "C" __global__ void gru_step(Run r, const T* s, T* h_in, int64 t) {
    step<gru_cell, 3, 1>(r, s, h_in, t);
}

extern "C" __global__ void gru_step_back(Run r, Back b, const T* product, T* ds, int64 t) {
    step_back<gru_cell_back, 1, 3>(r, b, product, ds, t);
}

extern "C" __global__ void gru_sequence(Run r, const T* u) {
    sequence<gru_cell, 3>(r, u);
}

extern "C" __global__ void gru_sequence_back(Run r, Back b, const T* u) {
    sequence_back<gru_cell_back, 3>(r, b, u);
}

extern "C" __global__ void gru_gates_step(Run r, const T* s, T* p, int64 t) {
    step<gru_gates, 2, 1>(r, s, p, t);
}

extern "C" __global__ void gru_candidate_step(Run r, const T* s, T* h_in, int64 t) {
    step<gru_candidate, 1, 1>(r, s, h_in, t);
}

extern "C" __global__ void gru_candidate_step_back(Run r, Back b, const T* product, T* dg, int64 t) {
    step_back<gru_candidate_back, 1, 1>(r, b, product, dg, t);
}

extern "C" __global__ void gru_gates_step_back(Run r, Back b, const T* dp, T* ds, int64 t) {
    step_back<gru_gates_back, 1, 2>(r, b, dp, ds, t);
}

// u, v: the recurrent kernels of the gates and of the candidate; backwards, transposed
extern "C" __global__ void gru_paper_sequence(Run r, const T* u, const T* v) {
    T *h_in = (T*)shared_bytes, *p = h_in + r.units, *s = p + r.units, *parts = s + 2 * r.units;
    const int64 n = blockIdx.x;
    EACH_UNIT(j) first_states(r, n, j, h_in);
    __syncthreads();
    for (int64 t = 0; t < r.steps; t++) {
        times(s, h_in, u, r.units, 2 * r.units, parts);
        EACH_UNIT(j) gru_gates(r, n, t, j, s, p);
        __syncthreads();
        times(s, p, v, r.units, r.units, parts);
        EACH_UNIT(j) gru_candidate(r, n, t, j, s, h_in);
        __syncthreads();
    }
}

extern "C" __global__ void gru_paper_sequence_back(Run r, Back b, const T* u, const T* v) {
    T *product = (T*)shared_bytes, *d = product + r.units, *dp = d + 2 * r.units, *parts = dp + r.units;
    const int64 n = blockIdx.x;
    for (int64 t = r.steps - 1; t >= 0; t--) {
        EACH_UNIT(j) gru_candidate_back(r, b, n, t, j, product, d);
        __syncthreads();
        times(dp, d, v, r.units, r.units, parts);
        EACH_UNIT(j) gru_gates_back(r, b, n, t, j, dp, d);
        __syncthreads();
        times(product, d, u, 2 * r.units, r.units, parts);
    }
    EACH_UNIT(j) b.dh[n * r.units + j] = before(r, b, n, 0, j, product);
}

extern "C" __global__ void simple_step(Run r, const T* z, T* h_in, int64 t) {
    step<simple_cell, 1, 1>(r, z, h_in, t);
}

extern "C" __global__ void simple_step_back(Run r, Back b, const T* product, T* da, int64 t) {
    step_back<simple_cell_back, 1, 1>(r, b, product, da, t);
}

extern "C" __global__ void simple_sequence(Run r, const T* u) {
    sequence<simple_cell, 1>(r, u);
}

extern "C" __global__ void simple_sequence_back(Run r, Back b, const T* u) {
    sequence_back<simple_cell_back, 1>(r, b, u);
}
