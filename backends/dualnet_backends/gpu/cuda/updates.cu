// Optimizer updates: kernels/updates.py in one pass over the weights, with the same operations in the same order.

#include "numbers.cuh"

extern "C" __global__ void sgd(T* w, const T* g, SCALAR(lr), SCALAR(decay), int64 n) {
    READ(lr);
    READ(decay);
    FOR_EACH(i, n) store(w, i, load(w, i) * decay - lr * load(g, i));
}

extern "C" __global__ void momentum(
    T* w, const T* g, T* m, SCALAR(lr), SCALAR(decay), FIXED(mu), bool nesterov, int64 n
) {
    READ(lr);
    READ(decay);
    KNOW(mu);
    FOR_EACH(i, n) {
        N step = lr * load(g, i), mi = load(m, i) * mu - step, wi = load(w, i) * decay;
        store(m, i, mi);
        store(w, i, nesterov ? wi + (mu * mi - step) : wi + mi);
    }
}

extern "C" __global__ void adam(
    T* w, const T* g, T* m, T* v, T* v_hat, SCALAR(alpha), SCALAR(decay), FIXED(rate1), FIXED(rate2), FIXED(epsilon),
    int64 n
) {
    READ(alpha);
    READ(decay);
    KNOW(rate1);
    KNOW(rate2);
    KNOW(epsilon);
    FOR_EACH(i, n) {
        N gi = load(g, i), mi = load(m, i), vi = load(v, i);
        mi = mi + (gi - mi) * rate1;
        vi = vi + (gi * gi - vi) * rate2;
        store(m, i, mi);
        store(v, i, vi);
        if (v_hat) {
            vi = larger(load(v_hat, i), vi);
            store(v_hat, i, vi);
        }
        store(w, i, load(w, i) * decay - mi * alpha / (root(vi) + epsilon));
    }
}

extern "C" __global__ void adamax(
    T* w, const T* g, T* m, T* u, SCALAR(lr), SCALAR(correction), SCALAR(decay), FIXED(rate1), FIXED(beta2),
    FIXED(epsilon), int64 n
) {
    READ(lr);
    READ(correction);
    READ(decay);
    KNOW(rate1);
    KNOW(beta2);
    KNOW(epsilon);
    FOR_EACH(i, n) {
        N gi = load(g, i), mi = load(m, i);
        mi = mi + (gi - mi) * rate1;
        N ui = larger(load(u, i) * beta2, absolute(gi));
        store(m, i, mi);
        store(u, i, ui);
        store(w, i, load(w, i) * decay - lr * mi / (correction * (ui + epsilon)));
    }
}

extern "C" __global__ void nadam(
    T* w, const T* g, T* m, T* v, SCALAR(lr), SCALAR(ahead), SCALAR(now), SCALAR(correction), SCALAR(decay), FIXED(rate1),
    FIXED(rate2), FIXED(epsilon), int64 n
) {
    READ(lr);
    READ(ahead);
    READ(now);
    READ(correction);
    READ(decay);
    KNOW(rate1);
    KNOW(rate2);
    KNOW(epsilon);
    FOR_EACH(i, n) {
        N gi = load(g, i), mi = load(m, i), vi = load(v, i);
        mi = mi + (gi - mi) * rate1;
        vi = vi + (gi * gi - vi) * rate2;
        store(m, i, mi);
        store(v, i, vi);
        N m_hat = ahead * mi + now * gi;
        store(w, i, load(w, i) * decay - lr * m_hat / (root(vi / correction) + epsilon));
    }
}

extern "C" __global__ void rmsprop(
    T* w, const T* g, T* v, T* m, T* average, SCALAR(lr), SCALAR(decay), FIXED(rho), FIXED(rate), FIXED(epsilon), FIXED(mu),
    int64 n
) {
    READ(lr);
    READ(decay);
    KNOW(rho);
    KNOW(rate);
    KNOW(epsilon);
    KNOW(mu);
    FOR_EACH(i, n) {
        N gi = load(g, i), vi = load(v, i) * rho + rate * gi * gi, spread = vi;
        store(v, i, vi);
        if (average) {
            N ai = load(average, i) * rho + rate * gi;
            store(average, i, ai);
            spread = vi - ai * ai;
        }
        N step = lr * gi / root(spread + epsilon);
        if (m) {
            step = load(m, i) * mu + step;
            store(m, i, step);
        }
        store(w, i, load(w, i) * decay - step);
    }
}

extern "C" __global__ void adagrad(T* w, const T* g, T* a, SCALAR(lr), SCALAR(decay), FIXED(epsilon), int64 n) {
    READ(lr);
    READ(decay);
    KNOW(epsilon);
    FOR_EACH(i, n) {
        N gi = load(g, i), ai = load(a, i) + gi * gi;
        store(a, i, ai);
        store(w, i, load(w, i) * decay - lr * gi / root(ai + epsilon));
    }
}

extern "C" __global__ void adadelta(
    T* w, const T* g, T* squares, T* deltas, SCALAR(lr), SCALAR(decay), FIXED(rho), FIXED(rate), FIXED(epsilon), int64 n
) {
    READ(lr);
    READ(decay);
    KNOW(rho);
    KNOW(rate);
    KNOW(epsilon);
    FOR_EACH(i, n) {
        N gi = load(g, i), si = load(squares, i) * rho + rate * gi * gi, di = load(deltas, i);
        N d = -gi * root(di + epsilon) / root(si + epsilon);
        store(squares, i, si);
        store(deltas, i, di * rho + rate * d * d);
        store(w, i, load(w, i) * decay + lr * d);
    }
}

extern "C" __global__ void ftrl(
    T* w, const T* g, T* n_sum, T* z, SCALAR(lr), SCALAR(l2), SCALAR(decay), FIXED(exponent), FIXED(l1), FIXED(shrinkage),
    int64 n
) {
    READ(lr);
    READ(l2);
    READ(decay);
    KNOW(exponent);
    KNOW(l1);
    KNOW(shrinkage);
    FOR_EACH(i, n) {
        N gi = load(g, i), wi = load(w, i) * decay, before = load(n_sum, i), after = before + gi * gi;
        N after_p = power(after, exponent);
        N zi = load(z, i) + (gi + shrinkage * wi);
        zi = zi - (after_p - power(before, exponent)) / lr * wi;
        store(n_sum, i, after);
        store(z, i, zi);
        store(w, i, (limited(zi, l1) - zi) / (after_p / lr + l2));
    }
}

extern "C" __global__ void lion(
    T* w, const T* g, T* m, SCALAR(lr), SCALAR(decay), FIXED(beta1), FIXED(rate1), FIXED(beta2), FIXED(rate2), int64 n
) {
    READ(lr);
    READ(decay);
    KNOW(beta1);
    KNOW(rate1);
    KNOW(beta2);
    KNOW(rate2);
    FOR_EACH(i, n) {
        N gi = load(g, i), mi = load(m, i);
        store(w, i, load(w, i) * decay - lr * sign(beta1 * mi + rate1 * gi));
        store(m, i, mi * beta2 + rate2 * gi);
    }
}

extern "C" __global__ void schedule_free(
    T* w, const T* g, T* z, T* v, SCALAR(lr), SCALAR(correction), SCALAR(count), SCALAR(decay), FIXED(beta1), FIXED(rate1),
    FIXED(rate2), FIXED(epsilon), int64 n
) {
    READ(lr);
    READ(correction);
    READ(count);
    READ(decay);
    KNOW(beta1);
    KNOW(rate1);
    KNOW(rate2);
    KNOW(epsilon);
    FOR_EACH(i, n) {
        N gi = load(g, i), zi = load(z, i), vi = load(v, i);
        N x = (load(w, i) * decay - rate1 * zi) / beta1;
        vi = vi + (gi * gi - vi) * rate2;
        zi = zi - lr * gi / (root(vi / correction) + epsilon);
        x = x + (zi - x) / count;
        store(v, i, vi);
        store(z, i, zi);
        store(w, i, rate1 * zi + beta1 * x);
    }
}

extern "C" __global__ void moving_average(T* average, const T* w, SCALAR(momentum), SCALAR(rate), int64 n) {
    READ(momentum);
    READ(rate);
    FOR_EACH(i, n) store(average, i, load(average, i) * momentum + rate * load(w, i));
}
