// Rows by index, and sums by index. N is the dtype of the ids; T and A are one integer dtype where integers are added up.
// An id out of range is noted: every thread that finds one writes the same false.

__device__ bool is_valid(N id, int64 n) { return id >= 0 && (int64)id < n; }

// Whether each id is in [0, n).  note: false from now on if one is not
extern "C" __global__ void valid_ids(bool* valid, const N* ids, bool* note, int64 n, int64 count) {
    FOR_EACH(i, count) {
        valid[i] = is_valid(ids[i], n);
        if (!valid[i]) *note = false;
    }
}

extern "C" __global__ void require(const bool* valid, bool* note, int64 count) {
    FOR_EACH(i, count) {
        if (!valid[i]) *note = false;
    }
}

// table: (n, width)  ids: (m,) -> y: (m, width), NaN for an id out of range
extern "C" __global__ void lookup(T* y, const T* table, const N* ids, bool* note, A nan, int64 n, int64 width, int64 count) {
    FOR_EACH(i, count) {
        int64 row = i / width;
        N id = ids[row];
        if (is_valid(id, n)) {
            y[i] = table[id * width + (i - row * width)];
        } else {
            y[i] = (T)nan;
            *note = false;
        }
    }
}

// ids: (m,) -> y: (m, classes)
extern "C" __global__ void one_hot(T* y, const N* ids, int64 classes, int64 count) {
    FOR_EACH(i, count) y[i] = (T)(int)(ids[i / classes] == i % classes);
}

// -- target[ids[i]] += values[i], in an order that does not depend on the threads; an id out of range adds nothing ------------------------------------------

// Few of everything: each element of the target goes through all ids.  target: (n, width)  ids: (m,)  values: (m, width)
extern "C" __global__ void scatter_add_few(T* target, const N* ids, const T* values, int64 m, int64 width, int64 count) {
    FOR_EACH(i, count) {
        int64 row = i / width, column = i - row * width;
        A sum = (A)target[i];
        for (int64 k = 0; k < m; k++) {
            if (ids[k] == row) sum += (A)values[k * width + column];
        }
        target[i] = (T)sum;
    }
}

// The order that sorts ids, equal ones in the order they have: each counts those before it.
extern "C" __global__ void order_few(int64* order, const N* ids, int64 m) {
    FOR_EACH(i, m) {
        N id = ids[i];
        int64 before = 0;
        for (int64 k = 0; k < m; k++) before += ids[k] < id || (ids[k] == id && k < i);
        order[before] = i;
    }
}

#define TILE 1024

// The same for tiles of TILE ids, a block each.  sorted: the ids in the order of their tile
extern "C" __global__ void order_tiles(N* sorted, int64* order, const N* ids, int64 m) {
    __shared__ N keys[TILE];
    int64 begin = blockIdx.x * (int64)TILE;
    int count = m - begin < TILE ? m - begin : TILE;
    for (int j = threadIdx.x; j < count; j += blockDim.x) keys[j] = ids[begin + j];
    __syncthreads();
    for (int j = threadIdx.x; j < count; j += blockDim.x) {
        N key = keys[j];
        int before = 0;
        for (int k = 0; k < count; k++) before += keys[k] < key || (keys[k] == key && k < j);
        sorted[begin + before] = key;
        order[begin + before] = begin + j;
    }
}

// How many of sorted ids come before one that follows them all (is_later), or precedes them.
__device__ int count_before(const N* sorted, int count, N id, bool is_later) {
    int low = 0, high = count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (sorted[middle] < id || (is_later && sorted[middle] == id)) low = middle + 1;
        else high = middle;
    }
    return low;
}

// The order of all from that of the tiles: each id looks for its place in every tile.
extern "C" __global__ void merge_tiles(int64* order, const N* sorted, const int64* of_tiles, int64 m) {
    FOR_EACH(i, m) {
        int64 own = i / TILE, before = i - own * TILE;
        for (int64 tile = 0; tile * TILE < m; tile++) {
            if (tile == own) continue;
            int count = m - tile * TILE < TILE ? m - tile * TILE : TILE;
            before += count_before(sorted + tile * TILE, count, sorted[i], tile < own);
        }
        order[before] = of_tiles[i];
    }
}

// Many: the ids in their order are cut into parts of PART. A run of equal ids within a part is added to the target at once; of one
// that goes on in the next part, or began in the one before, each part has a sum, which the part where it began collects.
#define PART 32

// first: the sum of the run at the beginning of a part, if another part has its beginning.  (parts, width)
// last: the sum of the run at the end, if it began in this part and goes on.  (parts, width)
extern "C" __global__ void scatter_add_parts(
    T* target, A* first, A* last, const N* ids, const int64* order, const T* values, int64 n, int64 m, int64 width, int64 count
) {
    FOR_EACH(i, count) {
        int64 part = i / width, column = i - part * width, begin = part * PART, end = begin + PART < m ? begin + PART : m;
        A sum = 0;
        bool is_first = begin > 0 && ids[order[begin - 1]] == ids[order[begin]];
        for (int64 k = begin; k < end; k++) {
            int64 row = order[k];
            N id = ids[row];
            sum += (A)values[row * width + column];
            if (k + 1 < m && ids[order[k + 1]] == id && k + 1 < end) continue;
            bool goes_on = k + 1 == end && k + 1 < m && ids[order[k + 1]] == id;
            if (is_first) first[i] = sum;
            else if (goes_on) last[i] = sum;
            else if (is_valid(id, n)) target[id * width + column] = (T)((A)target[id * width + column] + sum);
            is_first = false;
            sum = 0;
        }
    }
}

// Collect the runs that go on: each by the part where it began.
extern "C" __global__ void scatter_add_runs(
    T* target, const A* first, const A* last, const N* ids, const int64* order, int64 n, int64 m, int64 width, int64 count
) {
    FOR_EACH(i, count) {
        int64 part = i / width, column = i - part * width, next = (part + 1) * PART;
        if (next >= m) continue;
        N id = ids[order[next - 1]];
        bool began_before = part > 0 && ids[order[part * PART - 1]] == id;
        if (began_before || ids[order[next]] != id || !is_valid(id, n)) continue;
        A sum = last[i];
        for (int64 k = part + 1; k * PART < m && ids[order[k * PART]] == id; k++) sum += first[k * width + column];
        target[id * width + column] = (T)((A)target[id * width + column] + sum);
    }
}
