// Pooling over up to three spatial axes: fewer have axes of length 1 in front (gpu/pooling.py).
// x: (samples, lengths..., channels); with channels first every channel is a sample, and has one channel.
// Windows overlap where the stride is smaller than they are: an element of a gradient adds up its windows, in their order.

struct Windows {  // the fields of _WINDOWS in gpu/pooling.py
    int lengths[3], counts[3], sizes[3], strides[3], before[3];
    int channels;
    int is_adaptive;  // window i of o has the elements from floor(i n / o) up to ceil((i + 1) n / o): neither sizes nor strides
};

__device__ int floor_of(int64 i, int times, int over) { return i * times / over; }

__device__ int ceil_of(int64 i, int times, int over) { return (i * times + over - 1) / over; }

// From one number up to another, along each axis.
struct Box {
    int from[3], to[3];
};

// The elements of a window.
__device__ Box elements(const Windows& w, const int* window) {
    Box box;
    for (int a = 0; a < 3; a++) {
        if (w.is_adaptive) {
            box.from[a] = floor_of(window[a], w.lengths[a], w.counts[a]);
            box.to[a] = ceil_of(window[a] + 1, w.lengths[a], w.counts[a]);
            continue;
        }
        int first = window[a] * w.strides[a] - w.before[a], end = first + w.sizes[a];
        box.from[a] = first > 0 ? first : 0;
        box.to[a] = end < w.lengths[a] ? end : w.lengths[a];
    }
    return box;
}

// The windows with an element in them.
__device__ Box windows_of(const Windows& w, const int* element) {
    Box box;
    for (int a = 0; a < 3; a++) {
        if (w.is_adaptive) {
            box.from[a] = floor_of(element[a], w.counts[a], w.lengths[a]);
            box.to[a] = ceil_of(element[a] + 1, w.counts[a], w.lengths[a]);
            continue;
        }
        int last = element[a] + w.before[a], first = last - w.sizes[a] + 1;
        box.from[a] = first > 0 ? (first + w.strides[a] - 1) / w.strides[a] : 0;
        box.to[a] = last / w.strides[a] + 1 < w.counts[a] ? last / w.strides[a] + 1 : w.counts[a];
    }
    return box;
}

__device__ int size_of(const Box& box) {
    return (box.to[0] - box.from[0]) * (box.to[1] - box.from[1]) * (box.to[2] - box.from[2]);
}

#define FOR_BOX(box, at)                                             \
    int at[3];                                                       \
    for (at[0] = (box).from[0]; at[0] < (box).to[0]; at[0]++)        \
        for (at[1] = (box).from[1]; at[1] < (box).to[1]; at[1]++)    \
            for (at[2] = (box).from[2]; at[2] < (box).to[2]; at[2]++)

__device__ I number(const Place<I>& p, const int* at, const int* lengths, int channels) {
    return (((p.sample * lengths[0] + at[0]) * lengths[1] + at[1]) * lengths[2] + at[2]) * channels + p.channel;
}

extern "C" __global__ void max_pool(T* y, const T* x, Windows w, int64 n) {
    FOR_EACH(i, n) {
        Place<I> p = place<I>(i, w.counts, w.channels);
        Box box = elements(w, p.at);
        A largest = (A)x[number(p, box.from, w.lengths, w.channels)];
        FOR_BOX(box, at) {
            A value = (A)x[number(p, at, w.lengths, w.channels)];
            if (value > largest || value != value) largest = value;  // NaN is larger than everything, as in NumPy
        }
        y[i] = (T)largest;
    }
}

// Whether the element at ``place`` is the first of a window that is its maximum.
__device__ bool is_first(const T* x, const Windows& w, const Place<I>& place, const int* window, A largest) {
    Box box = elements(w, window);
    FOR_BOX(box, at) {
        A value = (A)x[number(place, at, w.lengths, w.channels)];
        if (value == largest || value != value) return at[0] == place.at[0] && at[1] == place.at[1] && at[2] == place.at[2];
    }
    return false;
}

extern "C" __global__ void max_pool_gradient(T* dx, const T* dy, const T* x, const T* y, Windows w, int64 n) {
    FOR_EACH(i, n) {
        Place<I> p = place<I>(i, w.lengths, w.channels);
        Box box = windows_of(w, p.at);
        A value = (A)x[i], sum = 0;
        FOR_BOX(box, at) {
            I window = number(p, at, w.counts, w.channels);
            A largest = (A)y[window];
            if ((value == largest || value != value) && is_first(x, w, p, at, largest)) sum += (A)dy[window];
        }
        dx[i] = (T)sum;
    }
}

extern "C" __global__ void average_pool(T* y, const T* x, Windows w, int64 n) {
    FOR_EACH(i, n) {
        Place<I> p = place<I>(i, w.counts, w.channels);
        Box box = elements(w, p.at);
        A sum = 0;
        FOR_BOX(box, at) sum += (A)x[number(p, at, w.lengths, w.channels)];
        y[i] = (T)(sum / size_of(box));
    }
}

extern "C" __global__ void average_pool_gradient(T* dx, const T* dy, Windows w, int64 n) {
    FOR_EACH(i, n) {
        Place<I> p = place<I>(i, w.lengths, w.channels);
        Box box = windows_of(w, p.at);
        A sum = 0;
        FOR_BOX(box, at) sum += (A)dy[number(p, at, w.counts, w.channels)] / size_of(elements(w, at));
        dx[i] = (T)sum;
    }
}
