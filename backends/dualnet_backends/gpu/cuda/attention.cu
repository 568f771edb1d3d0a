// Attention by tiles of 32 queries and 32 keys: kernels/attention.py, whose formulas and names these are (arXiv:2205.14135).
//
// A block of 64 threads goes through the tiles of one side, with 32 rows of the other side and their results. Of a tile a thread has
// four rows, 4 y + i, and four columns, x + 8 j, so that the eight threads of a row are neighbors in a warp. Every sum has an order that
// depends on the shapes alone, and nothing is added to memory that another block adds to.

#define TILE 32
#define PITCH 33  // of a tile in shared memory: a column of it lies in different banks
#define X (threadIdx.x % 8)
#define Y (threadIdx.x / 8)
#define EACH(i) for (int i = 0; i < 4; i++)

struct Attended {
    int64 batch, queries, keys, heads, group, depth, size;
    int64 causal, window, offset, blind;  // window: 0 for none; blind: whether a query may see no key
    T scale, cap, masked;                 // cap: 0 for none; masked: the score of a masked pair
    const T *q, *k, *v, *bias;
    const bool* masks[3];
    int64 bias_strides[5], mask_strides[3][5];
};

struct Head {
    int64 b, h, g;  // sample, head of keys, head of queries to it
};

// Up to 32 rows of a matrix.
struct Rows {
    const T* at;
    int64 stride;
    int count, width;
};

extern __shared__ __align__(16) unsigned char shared_bytes[];

// -- tiles ------------------------------------------------------------------------------------------------------------------

__device__ Rows of_queries(const Attended& a, const T* x, Head p, int64 first, int64 stop, int width) {
    const int64 stride = a.heads * a.group * width;
    const T* at = x + ((p.b * a.queries + first) * a.heads * a.group + p.h * a.group + p.g) * width;
    return {at, stride, (int)min(stop - first, (int64)TILE), width};
}

__device__ Rows of_keys(const Attended& a, const T* x, Head p, int64 first, int64 stop, int width) {
    const T* at = x + ((p.b * a.keys + first) * a.heads + p.h) * width;
    return {at, a.heads * width, (int)min(stop - first, (int64)TILE), width};
}

// Some columns of rows, zeros where there are none.
__device__ void load(T* tile, Rows rows, int column) {
    for (int i = threadIdx.x; i < TILE * TILE; i += blockDim.x) {
        const int y = i / TILE, x = i % TILE;
        const bool is_there = y < rows.count && column + x < rows.width;
        tile[y * PITCH + x] = is_there ? rows.at[y * rows.stride + column + x] : (T)0;
    }
}

// product[i][j] = the product of a row of ``left`` and one of ``right``, of the same width.  space: two tiles
__device__ void products(T product[4][4], Rows left, Rows right, T* space) {
    T *l = space, *r = space + TILE * PITCH;
    EACH(i) EACH(j) product[i][j] = 0;
    for (int column = 0; column < left.width; column += TILE) {
        load(l, left, column);
        load(r, right, column);
        __syncthreads();
        const int n = min(TILE, left.width - column);
#pragma unroll 4
        for (int d = 0; d < n; d++) {
            T x[4], y[4];
            EACH(i) x[i] = l[(4 * Y + i) * PITCH + d];
            EACH(j) y[j] = r[(X + 8 * j) * PITCH + d];
            EACH(i) EACH(j) product[i][j] = fma(x[i], y[j], product[i][j]);
        }
        __syncthreads();
    }
}

// out = factor out + weights rows.  out: (32, width)  weights: a tile  factor: of the rows of this thread, which nobody else writes to
__device__ void accumulate(T* out, const T factor[4], const T* weights, Rows rows, T* space) {
    for (int column = 0; column < rows.width; column += TILE) {
        load(space, rows, column);
        __syncthreads();
        T sum[4][4] = {};
        for (int k = 0; k < rows.count; k++) {
            T x[4], y[4];
            EACH(i) x[i] = weights[(4 * Y + i) * PITCH + k];
            EACH(j) y[j] = space[k * PITCH + X + 8 * j];
            EACH(i) EACH(j) sum[i][j] = fma(x[i], y[j], sum[i][j]);
        }
        EACH(i) EACH(j) {
            const int d = column + X + 8 * j;
            T* to = out + (4 * Y + i) * rows.width + d;
            if (d < rows.width) *to = *to * factor[i] + sum[i][j];
        }
        __syncthreads();
    }
}

__device__ void clear(T* out, int width) {
    for (int d = X; d < width; d += 8) EACH(i) out[(4 * Y + i) * width + d] = 0;
}

// Rows of results, each times a factor.
__device__ void store(T* to, int64 stride, int count, const T* out, const T factor[4], int width) {
    for (int d = X; d < width; d += 8)
        EACH(i) if (4 * Y + i < count) to[(4 * Y + i) * stride + d] = out[(4 * Y + i) * width + d] * factor[i];
}

// Over the eight threads of a row.
__device__ T row_sum(T x) {
    for (int distance = 1; distance < 8; distance *= 2) x += __shfl_xor_sync(0xFFFFFFFFu, x, distance);
    return x;
}

__device__ T larger(T x, T y) {  // NaN if one of them is
    return y > x || y != y ? y : x;
}

__device__ T row_max(T x) {
    for (int distance = 1; distance < 8; distance *= 2) x = larger(x, __shfl_xor_sync(0xFFFFFFFFu, x, distance));
    return x;
}

// -- scores -----------------------------------------------------------------------------------------------------------------

__device__ int64 of_pair(const int64 strides[5], Head p, int64 s, int64 t) {
    return p.b * strides[0] + p.h * strides[1] + p.g * strides[2] + s * strides[3] + t * strides[4];
}

// The score of a pair from the product of query and key, and the slope of the cap.
__device__ T score(const Attended& a, Head p, int64 t, int64 s, T product, T* slope) {
    T e = product * a.scale;
    *slope = 1;
    if (a.bias) e += a.bias[of_pair(a.bias_strides, p, s, t)];
    if (a.cap != 0) {
        const T capped = tanh(e / a.cap);
        e = capped * a.cap;
        *slope = 1 - capped * capped;
    }
    const int64 ahead = s - t - a.offset;
    bool seen = (!a.causal || ahead <= 0) && (!a.window || (ahead < a.window && -ahead < a.window));
    for (int i = 0; i < 3; i++) seen = seen && (!a.masks[i] || a.masks[i][of_pair(a.mask_strides[i], p, s, t)]);
    return seen ? e : a.masked;
}

// Only these keys may be seen by the queries from ``first`` to ``stop``.
__device__ void visible_keys(const Attended& a, int64 first, int64 stop, int64* from, int64* to) {
    *from = 0, *to = a.keys;
    if (a.causal) *to = min(*to, stop + a.offset);
    if (a.window) *from = max((int64)0, first + a.offset - a.window + 1), *to = min(*to, stop + a.offset + a.window - 1);
}

// And only by these queries may the keys from ``first`` to ``stop`` be seen.
__device__ void seeing_queries(const Attended& a, int64 first, int64 stop, int64* from, int64* to) {
    *from = 0, *to = a.queries;
    if (a.causal) *from = max(*from, first - a.offset);
    if (a.window) *from = max(*from, first - a.offset - a.window + 1), *to = min(*to, stop - a.offset + a.window - 1);
}

// -- kernels ----------------------------------------------------------------------------------------------------------------

// A block for 32 queries of a head.  y: (batch, queries, heads, group, size)  shift, inv: (batch, heads, group, queries)
extern "C" __global__ void attention(Attended a, T* y, T* shift, T* inv) {
    T *tile = (T*)shared_bytes, *space = tile + TILE * PITCH, *out = space + 2 * TILE * PITCH;
    const int64 tiles = (a.queries + TILE - 1) / TILE, head = blockIdx.x / tiles, first = blockIdx.x % tiles * TILE;
    const Head p = {head / a.group / a.heads, head / a.group % a.heads, head % a.group};
    const Rows q = of_queries(a, a.q, p, first, a.queries, a.depth);
    T top[4], sum[4] = {}, factor[4];
    EACH(i) top[i] = a.masked;
    clear(out, a.size);
    int64 s0, stop;
    visible_keys(a, first, first + q.count, &s0, &stop);
    for (; s0 < stop; s0 += TILE) {
        const Rows k = of_keys(a, a.k, p, s0, stop, a.depth);
        T e[4][4], slope;
        products(e, q, k, space);
        EACH(i) {
            const int64 t = first + 4 * Y + i;
            T high = top[i], part = 0;
            EACH(j) {
                const int64 s = s0 + X + 8 * j;
                e[i][j] = t < a.queries && s < s0 + k.count ? score(a, p, t, s, e[i][j], &slope) : a.masked;
                high = larger(high, e[i][j]);
            }
            high = row_max(high);
            EACH(j) {
                const T weight = X + 8 * j < k.count ? exp(e[i][j] - high) : (T)0;
                part += tile[(4 * Y + i) * PITCH + X + 8 * j] = weight;
            }
            factor[i] = exp(top[i] - high);
            sum[i] = sum[i] * factor[i] + row_sum(part);
            top[i] = high;
        }
        __syncthreads();
        accumulate(out, factor, tile, of_keys(a, a.v, p, s0, stop, a.size), space);
    }
    EACH(i) {
        const bool sees_nothing = a.blind && top[i] <= a.masked;
        factor[i] = sees_nothing ? (T)0 : 1 / sum[i];
        if (X > 0 || 4 * Y + i >= q.count) continue;
        shift[head * a.queries + first + 4 * Y + i] = sees_nothing ? (T)0 : top[i];
        inv[head * a.queries + first + 4 * Y + i] = factor[i];
    }
    const Rows to = of_queries(a, y, p, first, a.queries, a.size);
    store((T*)to.at, to.stride, to.count, out, factor, a.size);
}

// The gradient of the queries, a block for 32 of a head. It leaves sum(dy y) of each query, like inv, in ``mean``.
extern "C" __global__ void attention_of_queries(
    Attended a, const T* y, const T* shift, const T* inv, const T* dy, T* mean, T* dq
) {
    T *tile = (T*)shared_bytes, *space = tile + TILE * PITCH, *out = space + 2 * TILE * PITCH;
    const int64 tiles = (a.queries + TILE - 1) / TILE, head = blockIdx.x / tiles, first = blockIdx.x % tiles * TILE;
    const Head p = {head / a.group / a.heads, head / a.group % a.heads, head % a.group};
    const Rows q = of_queries(a, a.q, p, first, a.queries, a.depth), dys = of_queries(a, dy, p, first, a.queries, a.size);
    const Rows ys = of_queries(a, y, p, first, a.queries, a.size);
    T means[4], shifts[4], invs[4], factor[4];
    EACH(i) {
        const int row = 4 * Y + i;
        const bool is_there = row < q.count;
        T sum = 0;
        for (int d = X; is_there && d < a.size; d += 8) sum = fma(dys.at[row * dys.stride + d], ys.at[row * ys.stride + d], sum);
        means[i] = row_sum(sum);
        shifts[i] = is_there ? shift[head * a.queries + first + row] : (T)0;
        invs[i] = is_there ? inv[head * a.queries + first + row] : (T)0;
        if (is_there && X == 0) mean[head * a.queries + first + row] = means[i];
        factor[i] = 1;
    }
    clear(out, a.depth);
    int64 s0, stop;
    visible_keys(a, first, first + q.count, &s0, &stop);
    for (; s0 < stop; s0 += TILE) {
        const Rows k = of_keys(a, a.k, p, s0, stop, a.depth);
        T e[4][4], dweight[4][4];
        products(e, q, k, space);
        products(dweight, dys, of_keys(a, a.v, p, s0, stop, a.size), space);
        EACH(i) EACH(j) {
            const int row = 4 * Y + i, column = X + 8 * j;
            T ds = 0, slope;
            if (row < q.count && column < k.count) {
                const T weight = exp(score(a, p, first + row, s0 + column, e[i][j], &slope) - shifts[i]) * invs[i];
                ds = weight * (dweight[i][j] - means[i]) * slope;
            }
            tile[row * PITCH + column] = ds;
        }
        __syncthreads();
        accumulate(out, factor, tile, k, space);
    }
    EACH(i) factor[i] = a.scale;
    store(dq + (q.at - a.q), q.stride, q.count, out, factor, a.depth);
}

// The gradients of keys and values, a block for 32 of a head, which goes through the queries of all heads to it.
extern "C" __global__ void attention_of_keys(
    Attended a, const T* shift, const T* inv, const T* dy, const T* mean, T* dk, T* dv
) {
    T *tile = (T*)shared_bytes, *space = tile + TILE * PITCH, *of_k = space + 2 * TILE * PITCH, *of_v = of_k + TILE * a.depth;
    const int64 tiles = (a.keys + TILE - 1) / TILE, head = blockIdx.x / tiles, first = blockIdx.x % tiles * TILE;
    Head p = {head / a.heads, head % a.heads, 0};
    const Rows k = of_keys(a, a.k, p, first, a.keys, a.depth), v = of_keys(a, a.v, p, first, a.keys, a.size);
    T factor[4] = {1, 1, 1, 1};
    clear(of_k, a.depth);
    clear(of_v, a.size);
    for (; p.g < a.group; p.g++) {
        const int64 of_query = (head * a.group + p.g) * a.queries;
        int64 t0, stop;
        seeing_queries(a, first, first + k.count, &t0, &stop);
        for (; t0 < stop; t0 += TILE) {
            const Rows q = of_queries(a, a.q, p, t0, stop, a.depth), dys = of_queries(a, dy, p, t0, stop, a.size);
            T e[4][4], dweight[4][4], slope[4][4];
            products(e, k, q, space);
            EACH(i) EACH(j) {
                const int row = 4 * Y + i, column = X + 8 * j;
                const int64 t = t0 + column;
                T weight = 0;
                if (row < k.count && column < q.count)
                    weight = exp(score(a, p, t, first + row, e[i][j], &slope[i][j]) - shift[of_query + t]) * inv[of_query + t];
                tile[row * PITCH + column] = e[i][j] = weight;
            }
            __syncthreads();
            accumulate(of_v, factor, tile, dys, space);
            products(dweight, v, dys, space);
            EACH(i) EACH(j) {
                const int row = 4 * Y + i, column = X + 8 * j;
                const bool is_there = row < k.count && column < q.count;
                const T ds = is_there ? e[i][j] * (dweight[i][j] - mean[of_query + t0 + column]) * slope[i][j] : (T)0;
                tile[row * PITCH + column] = ds;
            }
            __syncthreads();
            accumulate(of_k, factor, tile, q, space);
        }
    }
    store(dv + (v.at - a.v), v.stride, v.count, of_v, factor, a.size);
    EACH(i) factor[i] = a.scale;
    store(dk + (k.at - a.k), k.stride, k.count, of_k, factor, a.depth);
}
