// Recurrent networks over whole sequences: kernels/recurrent.py, whose formulas and names these are.
//
// A cell is what is done for one unit of one sample at one step. A row is that of the sample in a matrix (batch, ...), or in the
// shared memory of a block.

struct Run {
    int64 batch, steps, units;
    int64 all, zero;                // whether the outputs of all steps are shown; whether masked steps show zeros
    const bool* mask;               // (batch, steps), or none
    const T* dropped;               // (batch, units), what multiplies h before a product, or none
    const T *first_h, *first_c;     // (batch, units)
    const T* bias;                  // of a GRU, the second row, or none
    T* gates;                       // (batch, steps, columns): x W + b, and after a step the gates
    T *h, *c;                       // (batch, steps + 1, units): the states before each step, and after the last
    T* p;                           // (batch, steps, units), of a GRU
    T *out, *last_h, *last_c;
};

struct Back {
    const T* dout;                  // like out
    T *da, *ds;                     // (batch, steps, columns): the gradients of x W + b and of what the products give
    T *dh, *dc;                     // (batch, units): carried from the last step to the first, without what comes by the products
    T* dp;                          // (batch, units), of a GRU without reset_after: what comes by p
    T* dropped;                     // (batch, units): the gradient of the recurrent mask, or none
};

// What a cell does at step t for unit j of sample n: a row of numbers from a product, and the row for the next product.
typedef void Cell(const Run& r, int64 n, int64 t, int64 j, const T* x, T* y);
typedef void CellBack(const Run& r, const Back& b, int64 n, int64 t, int64 j, const T* x, T* y);

__device__ T sigmoid(T x) {
    return tanh(x * (T)0.5) * (T)0.5 + (T)0.5;
}

__device__ bool is_off(const Run& r, int64 n, int64 t) {
    return r.mask && !r.mask[n * r.steps + t];
}

__device__ bool is_shown(const Run& r, int64 n, int64 t) {
    if (!r.mask || r.zero) return !is_off(r, n, t);
    for (int64 s = 0; s <= t; s++)
        if (r.mask[n * r.steps + s]) return true;
    return false;
}

// The state before step t, as it goes into a product.
__device__ T state_in(const Run& r, int64 n, int64 t, int64 j) {
    const T h = r.h[(n * (r.steps + 1) + t) * r.units + j];
    return r.dropped ? h * r.dropped[n * r.units + j] : h;
}

// -- what cells share ---------------------------------------------------------------------------------------------------

__device__ void first_states(const Run& r, int64 n, int64 j, T* h_in) {
    const int64 i = n * r.units + j;
    const T h = r.first_h[i];
    r.h[n * (r.steps + 1) * r.units + j] = h;
    if (r.first_c) r.c[n * (r.steps + 1) * r.units + j] = r.first_c[i];
    h_in[j] = r.dropped ? h * r.dropped[i] : h;
}

// The state before step t, and what it is after it where the sample has such a step.  h_in: the row for the next product
__device__ void next_state(const Run& r, int64 n, int64 t, int64 j, T h, T h_new, T* h_in) {
    const int64 i = n * r.units + j;
    if (is_off(r, n, t)) h_new = h;
    r.h[(n * (r.steps + 1) + t + 1) * r.units + j] = h_new;
    h_in[j] = r.dropped ? h_new * r.dropped[i] : h_new;
    if (r.all) r.out[(n * r.steps + t) * r.units + j] = is_shown(r, n, t) ? h_new : (T)0;
    if (t + 1 < r.steps) return;
    r.last_h[i] = h_new;
    if (!r.all) r.out[i] = is_shown(r, n, t) ? h_new : (T)0;
}

// The gradient of the state before step t, from that of the product it went into.
__device__ T before(const Run& r, const Back& b, int64 n, int64 t, int64 j, const T* product) {
    const int64 i = n * r.units + j;
    T d = product[j];
    if (b.dp) d += b.dp[i];
    if (r.dropped) {
        b.dropped[i] += d * r.h[(n * (r.steps + 1) + t) * r.units + j];
        d *= r.dropped[i];
    }
    return d + b.dh[i];
}

// The gradient of the state after step t.
__device__ T after(const Run& r, const Back& b, int64 n, int64 t, int64 j, const T* product) {
    const int64 i = n * r.units + j;
    const bool is_last = t + 1 == r.steps;
    T dh = is_last ? b.dh[i] : before(r, b, n, t + 1, j, product);
    if (r.all && is_shown(r, n, t)) dh += b.dout[(n * r.steps + t) * r.units + j];
    if (!r.all && is_last && is_shown(r, n, t)) dh += b.dout[i];
    return dh;
}

// -- LSTM: the gates i, f, g, o -------------------------------------------------------------------------------------------

__device__ void lstm_cell(const Run& r, int64 n, int64 t, int64 j, const T* z, T* h_in) {
    const int64 u = r.units, at = (n * (r.steps + 1) + t) * u + j;
    T* a = r.gates + (n * r.steps + t) * 4 * u + j;
    const T i = sigmoid(a[0] + z[j]), f = sigmoid(a[u] + z[u + j]);
    const T g = tanh(a[2 * u] + z[2 * u + j]), o = sigmoid(a[3 * u] + z[3 * u + j]);
    a[0] = i, a[u] = f, a[2 * u] = g, a[3 * u] = o;
    const T c = r.c[at], c_new = f * c + i * g, kept = is_off(r, n, t) ? c : c_new;
    r.c[at + u] = kept;
    if (t + 1 == r.steps) r.last_c[n * u + j] = kept;
    next_state(r, n, t, j, r.h[at], o * tanh(c_new), h_in);
}

__device__ void lstm_cell_back(const Run& r, const Back& b, int64 n, int64 t, int64 j, const T* product, T* dz) {
    const int64 u = r.units, own = n * u + j;
    const T *a = r.gates + (n * r.steps + t) * 4 * u + j, i = a[0], f = a[u], g = a[2 * u], o = a[3 * u];
    const T c = r.c[(n * (r.steps + 1) + t) * u + j], y = tanh(f * c + i * g);
    const T dh = after(r, b, n, t, j, product);
    T d[4] = {0, 0, 0, 0};
    b.dh[own] = dh;
    if (!is_off(r, n, t)) {
        const T dc = b.dc[own] + dh * o * (1 - y * y);
        d[0] = dc * g * i * (1 - i), d[1] = dc * c * f * (1 - f), d[2] = dc * i * (1 - g * g), d[3] = dh * y * o * (1 - o);
        b.dc[own] = dc * f;
        b.dh[own] = 0;
    }
    for (int k = 0; k < 4; k++) dz[k * u + j] = b.da[(n * r.steps + t) * 4 * u + k * u + j] = d[k];
}

// -- GRU: the gates z, r and the candidate g ------------------------------------------------------------------------------

// With reset_after: s = h U.
__device__ void gru_cell(const Run& r, int64 n, int64 t, int64 j, const T* s, T* h_in) {
    const int64 u = r.units;
    T* a = r.gates + (n * r.steps + t) * 3 * u + j;
    T of_z = s[j], of_r = s[u + j], p = s[2 * u + j];
    if (r.bias) of_z += r.bias[j], of_r += r.bias[u + j], p += r.bias[2 * u + j];
    const T z = sigmoid(a[0] + of_z), reset = sigmoid(a[u] + of_r), g = tanh(a[2 * u] + reset * p);
    a[0] = z, a[u] = reset, a[2 * u] = g;
    r.p[(n * r.steps + t) * u + j] = p;
    const T h = r.h[(n * (r.steps + 1) + t) * u + j];
    next_state(r, n, t, j, h, g + z * (h - g), h_in);
}

__device__ void gru_cell_back(const Run& r, const Back& b, int64 n, int64 t, int64 j, const T* product, T* ds) {
    const int64 u = r.units, at = (n * r.steps + t) * 3 * u + j;
    const T z = r.gates[at], reset = r.gates[at + u], g = r.gates[at + 2 * u], p = r.p[(n * r.steps + t) * u + j];
    const T h = r.h[(n * (r.steps + 1) + t) * u + j], dh = after(r, b, n, t, j, product);
    T dz = 0, dr = 0, dg = 0, kept = dh;
    if (!is_off(r, n, t)) {
        dg = dh * (1 - z) * (1 - g * g);
        dz = dh * (h - g) * z * (1 - z);
        dr = dg * p * reset * (1 - reset);
        kept = dh * z;
    }
    b.dh[n * u + j] = kept;
    b.da[at] = dz, b.da[at + u] = dr, b.da[at + 2 * u] = dg;
    ds[j] = b.ds[at] = dz, ds[u + j] = b.ds[at + u] = dr, ds[2 * u + j] = b.ds[at + 2 * u] = dg * reset;
}

// Without reset_after there are two products: s = h U for the gates, and p U for the candidate, where p = r h.
__device__ void gru_gates(const Run& r, int64 n, int64 t, int64 j, const T* s, T* p) {
    const int64 u = r.units;
    T* a = r.gates + (n * r.steps + t) * 3 * u + j;
    a[0] = sigmoid(a[0] + s[j]), a[u] = sigmoid(a[u] + s[u + j]);
    p[j] = r.p[(n * r.steps + t) * u + j] = a[u] * state_in(r, n, t, j);
}

__device__ void gru_candidate(const Run& r, int64 n, int64 t, int64 j, const T* s, T* h_in) {
    const int64 u = r.units;
    T* a = r.gates + (n * r.steps + t) * 3 * u + j;
    const T h = r.h[(n * (r.steps + 1) + t) * u + j], z = a[0], g = a[2 * u] = tanh(a[2 * u] + s[j]);
    next_state(r, n, t, j, h, g + z * (h - g), h_in);
}

__device__ void gru_candidate_back(const Run& r, const Back& b, int64 n, int64 t, int64 j, const T* product, T* dg) {
    const int64 u = r.units, at = (n * r.steps + t) * 3 * u + j;
    const T z = r.gates[at], g = r.gates[at + 2 * u], h = r.h[(n * (r.steps + 1) + t) * u + j];
    const T dh = after(r, b, n, t, j, product);
    const bool off = is_off(r, n, t);
    b.da[at] = off ? (T)0 : dh * (h - g) * z * (1 - z);
    dg[j] = b.da[at + 2 * u] = off ? (T)0 : dh * (1 - z) * (1 - g * g);
    b.dh[n * u + j] = off ? dh : dh * z;
}

__device__ void gru_gates_back(const Run& r, const Back& b, int64 n, int64 t, int64 j, const T* dp, T* ds) {
    const int64 u = r.units, own = n * u + j, at = (n * r.steps + t) * 3 * u + j;
    const T reset = r.gates[at + u], h_in = state_in(r, n, t, j);
    const bool off = is_off(r, n, t);
    ds[j] = b.da[at];
    ds[u + j] = b.da[at + u] = off ? (T)0 : dp[j] * h_in * reset * (1 - reset);
    b.dp[own] = off ? (T)0 : dp[j] * reset;
}

// -- the simple network, with tanh ----------------------------------------------------------------------------------------

__device__ void simple_cell(const Run& r, int64 n, int64 t, int64 j, const T* z, T* h_in) {
    T* a = r.gates + (n * r.steps + t) * r.units + j;
    *a = tanh(*a + z[j]);
    next_state(r, n, t, j, r.h[(n * (r.steps + 1) + t) * r.units + j], *a, h_in);
}

__device__ void simple_cell_back(const Run& r, const Back& b, int64 n, int64 t, int64 j, const T* product, T* da) {
    const int64 own = n * r.units + j, at = (n * r.steps + t) * r.units + j;
    const T y = r.gates[at], dh = after(r, b, n, t, j, product);
    const bool off = is_off(r, n, t);
    da[j] = b.da[at] = off ? (T)0 : dh * (1 - y * y);
    b.dh[own] = off ? dh : (T)0;
}
