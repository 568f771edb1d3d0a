"""Autoencoders, and models with a train_step of their own: VAE, GAN, gradient loops."""

from __future__ import annotations

from typing import Any

import numpy as np


def waves(n: int = 96) -> np.ndarray:
    rng = np.random.default_rng(4)
    t = np.linspace(0, 2 * np.pi, 16)
    return (np.sin(t + rng.uniform(0, 6, (n, 1))) / 2 + 0.5).astype("float32")


def test_undercomplete_autoencoder() -> None:
    from dualnet.keras import layers, losses
    from dualnet.keras.models import Model

    class Autoencoder(Model):
        def __init__(self, latent_dim: int) -> None:
            super().__init__()
            import dualnet as tf

            self.encoder = tf.keras.Sequential([layers.Flatten(), layers.Dense(latent_dim, activation="tanh")])
            self.decoder = tf.keras.Sequential([layers.Dense(16, activation="sigmoid"), layers.Reshape((16,))])

        def call(self, x: Any) -> Any:
            return self.decoder(self.encoder(x))

    x = waves()
    autoencoder = Autoencoder(4)
    autoencoder.compile(optimizer="adam", loss=losses.MeanSquaredError())
    autoencoder.optimizer.learning_rate = 0.02
    history = autoencoder.fit(x, x, epochs=25, shuffle=True, validation_data=(x[:20], x[:20]), verbose=0)
    assert history.history["val_loss"][-1] < 0.01 < history.history["loss"][0]
    assert autoencoder.encoder(x[:3]).numpy().shape == (3, 4)


def test_convolutional_denoiser() -> None:
    from dualnet.keras.layers import Conv2D, Conv2DTranspose, Input, MaxPooling2D, UpSampling2D
    from dualnet.keras.models import Model

    rng = np.random.default_rng(0)
    clean = np.kron(rng.integers(0, 2, (40, 2, 2, 1)), np.ones((1, 4, 4, 1))).astype("float32")
    noisy = np.clip(clean + rng.normal(0, 0.3, clean.shape), 0, 1).astype("float32")
    input_img = Input(shape=(8, 8, 1))
    x = Conv2D(8, (3, 3), activation="relu", padding="same")(input_img)
    encoded = MaxPooling2D((2, 2), padding="same")(x)
    x = UpSampling2D((2, 2))(encoded)
    x = Conv2DTranspose(4, 3, activation="relu", padding="same")(x)
    decoded = Conv2D(1, (3, 3), activation="sigmoid", padding="same")(x)
    autoencoder = Model(input_img, decoded)
    autoencoder.compile(optimizer="Nadam", loss="binary_crossentropy", metrics=["mse"])
    autoencoder.optimizer.learning_rate = 0.02
    autoencoder.fit(noisy, clean, epochs=20, batch_size=8, verbose=0)
    assert autoencoder.evaluate(noisy, clean, verbose=0)[1] < ((noisy - clean) ** 2).mean() / 2


def test_encoder_and_decoder_share_their_layers() -> None:
    from dualnet import keras

    stacked_encoder = keras.models.Sequential([keras.layers.Dense(3, activation="selu", input_shape=[16])])
    stacked_decoder = keras.models.Sequential([keras.layers.Dense(16, input_shape=[3])])
    stacked = keras.models.Sequential([stacked_encoder, stacked_decoder])
    x = waves(20)
    stacked.compile(loss="mse", optimizer=keras.optimizers.SGD(lr=0.1, momentum=0.9, nesterov=True))
    stacked.fit(x, x, epochs=3, verbose=0)
    np.testing.assert_allclose(
        stacked.predict(x, verbose=0),
        stacked_decoder.predict(stacked_encoder.predict(x, verbose=0), verbose=0),
        rtol=1e-5,
    )
    assert len(stacked.trainable_weights) == 4


def test_tied_weights() -> None:
    from dualnet import keras

    class DenseTranspose(keras.layers.Layer):
        def __init__(self, dense: Any, activation: Any = None, **kwargs: Any) -> None:
            self.dense = dense
            self.activation = keras.activations.get(activation)
            super().__init__(**kwargs)

        def build(self, batch_input_shape: Any) -> None:
            self.biases = self.add_weight(name="bias", shape=[self.dense.input.shape[-1]], initializer="zeros")
            super().build(batch_input_shape)

        def call(self, inputs: Any) -> Any:
            z = keras.ops.matmul(inputs, keras.ops.transpose(self.dense.kernel))
            return self.activation(z + self.biases)

    dense = keras.layers.Dense(4, activation="tanh", input_shape=[16])
    encoder = keras.models.Sequential([dense])
    model = keras.models.Sequential([encoder, DenseTranspose(dense, activation="sigmoid")])
    x = waves(32)
    model.compile("adam", "mse")
    before = model.evaluate(x, x, verbose=0)
    model.fit(x, x, epochs=20, verbose=0)
    assert model.evaluate(x, x, verbose=0) < before
    assert sorted(w.shape for w in model.trainable_weights) == [(4,), (16,), (16, 4)]


def test_variational_autoencoder_with_train_step() -> None:
    import dualnet as tf
    from dualnet import keras
    from dualnet.keras import layers

    class Sampling(layers.Layer):
        def call(self, inputs: Any) -> Any:
            z_mean, z_log_var = inputs
            batch, dim = tf.shape(z_mean)[0], tf.shape(z_mean)[1]
            epsilon = tf.keras.random.normal(shape=(batch, dim))
            return z_mean + tf.exp(0.5 * z_log_var) * epsilon

    class VAE(keras.Model):
        def __init__(self, encoder: Any, decoder: Any, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.encoder, self.decoder = encoder, decoder
            self.total_loss_tracker = keras.metrics.Mean(name="total_loss")
            self.kl_loss_tracker = keras.metrics.Mean(name="kl_loss")

        @property
        def metrics(self) -> list[Any]:
            return [self.total_loss_tracker, self.kl_loss_tracker]

        def train_step(self, data: Any) -> dict[str, Any]:
            with tf.GradientTape() as tape:
                z_mean, z_log_var, z = self.encoder(data)
                reconstruction = self.decoder(z)
                reconstruction_loss = tf.reduce_mean(
                    tf.reduce_sum(tf.square(data - reconstruction), axis=-1),
                )
                kl_loss = -0.5 * (1 + z_log_var - tf.square(z_mean) - tf.exp(z_log_var))
                kl_loss = tf.reduce_mean(tf.reduce_sum(kl_loss, axis=1))
                total_loss = reconstruction_loss + 0.1 * kl_loss
            grads = tape.gradient(total_loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(grads, self.trainable_weights))
            self.total_loss_tracker.update_state(total_loss)
            self.kl_loss_tracker.update_state(kl_loss)
            return {"loss": self.total_loss_tracker.result(), "kl_loss": self.kl_loss_tracker.result()}

    encoder_inputs = keras.Input(shape=(16,))
    x = layers.Dense(16, activation="relu")(encoder_inputs)
    z_mean, z_log_var = layers.Dense(2, name="z_mean")(x), layers.Dense(2, name="z_log_var")(x)
    encoder = keras.Model(encoder_inputs, [z_mean, z_log_var, Sampling()([z_mean, z_log_var])], name="encoder")
    latent = keras.Input(shape=(2,))
    decoder = keras.Model(latent, layers.Dense(16)(layers.Dense(16, activation="relu")(latent)), name="decoder")
    vae = VAE(encoder, decoder)
    vae.compile(optimizer=keras.optimizers.Adam(0.01))
    history = vae.fit(waves(), epochs=20, batch_size=16, verbose=0)
    assert set(history.history) == {"loss", "kl_loss"}
    assert history.history["loss"][-1] < history.history["loss"][0] / 2
    assert min(history.history["kl_loss"]) > 0


def test_add_loss_inside_a_layer() -> None:
    from dualnet import keras

    class KL(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            mean, log_var = inputs
            self.add_loss(-0.5 * keras.ops.mean(1 + log_var - keras.ops.square(mean) - keras.ops.exp(log_var)))
            return mean

    inputs = keras.Input((3,))
    mean, log_var = keras.layers.Dense(2)(inputs), keras.layers.Dense(2)(inputs)
    model = keras.Model(inputs, KL()([mean, log_var]))
    x = np.random.default_rng(0).normal(size=(32, 3)).astype("float32")
    model.compile(keras.optimizers.Adam(0.05))  # the added loss is all there is
    history = model.fit(x, epochs=30, verbose=0)
    assert history.history["loss"][-1] < 0.1 * history.history["loss"][0]


def test_gan_with_two_optimizers() -> None:
    import dualnet as tf
    from dualnet import keras
    from dualnet.keras import layers

    class GAN(keras.Model):
        def __init__(self, discriminator: Any, generator: Any, latent_dim: int) -> None:
            super().__init__()
            self.discriminator, self.generator, self.latent_dim = discriminator, generator, latent_dim

        def compile(self, d_optimizer: Any, g_optimizer: Any, loss_fn: Any) -> None:
            super().compile()
            self.d_optimizer, self.g_optimizer, self.loss_fn = d_optimizer, g_optimizer, loss_fn
            self.d_loss_metric, self.g_loss_metric = (
                keras.metrics.Mean(name="d_loss"),
                keras.metrics.Mean(name="g_loss"),
            )

        @property
        def metrics(self) -> list[Any]:
            return [self.d_loss_metric, self.g_loss_metric]

        def train_step(self, real: Any) -> dict[str, Any]:
            batch_size = tf.shape(real)[0]
            noise = tf.random.normal(shape=(batch_size, self.latent_dim))
            combined = tf.concat([self.generator(noise), real], axis=0)
            labels = tf.concat([tf.ones((batch_size, 1)), tf.zeros((batch_size, 1))], axis=0)
            with tf.GradientTape() as tape:
                d_loss = self.loss_fn(labels, self.discriminator(combined))
            grads = tape.gradient(d_loss, self.discriminator.trainable_weights)
            self.d_optimizer.apply_gradients(zip(grads, self.discriminator.trainable_weights))
            noise = tf.random.normal(shape=(batch_size, self.latent_dim))
            with tf.GradientTape() as tape:
                g_loss = self.loss_fn(tf.zeros((batch_size, 1)), self.discriminator(self.generator(noise)))
            grads = tape.gradient(g_loss, self.generator.trainable_weights)
            self.g_optimizer.apply_gradients(zip(grads, self.generator.trainable_weights))
            self.d_loss_metric.update_state(d_loss)
            self.g_loss_metric.update_state(g_loss)
            return {"d_loss": self.d_loss_metric.result(), "g_loss": self.g_loss_metric.result()}

    keras.utils.set_random_seed(5)
    discriminator = keras.Sequential(
        [keras.Input((2,)), layers.Dense(16), layers.LeakyReLU(alpha=0.2), layers.Dense(1, activation="sigmoid")]
    )
    generator = keras.Sequential([keras.Input((4,)), layers.Dense(16, activation="relu"), layers.Dense(2)])
    real = np.random.default_rng(0).normal(3, 0.3, (512, 2)).astype("float32")
    dataset = tf.data.Dataset.from_tensor_slices(real).shuffle(256).batch(32, drop_remainder=True)
    gan = GAN(discriminator, generator, 4)
    gan.compile(keras.optimizers.Adam(0.005), keras.optimizers.Adam(0.01), keras.losses.BinaryCrossentropy())
    start = generator(tf.random.normal((200, 4))).numpy().mean()
    history = gan.fit(dataset, epochs=12, verbose=0)
    assert list(history.history) == ["d_loss", "g_loss"]
    mean = generator(tf.random.normal((200, 4))).numpy().mean()
    assert abs(mean - 3) < abs(start - 3) / 2


def test_frozen_discriminator_in_a_stacked_gan() -> None:
    from dualnet.keras.layers import Dense
    from dualnet.keras.models import Sequential

    generator, discriminator = Sequential([Dense(3, input_shape=[2])]), Sequential([Dense(1, activation="sigmoid")])
    gan = Sequential([generator, discriminator])
    discriminator.compile(loss="binary_crossentropy", optimizer="rmsprop")
    discriminator.trainable = False
    gan.compile(loss="binary_crossentropy", optimizer="rmsprop")
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(8, 2)).astype("float32")
    gan(noise)
    before = discriminator.get_weights(), generator.get_weights()
    gan.train_on_batch(noise, np.ones((8, 1)))
    assert all((a == b).all() for a, b in zip(before[0], discriminator.get_weights()))
    assert not (before[1][0] == generator.get_weights()[0]).all()
    discriminator.trainable = True
    discriminator.train_on_batch(generator.predict(noise, verbose=0), np.zeros((8, 1)))
    assert not (before[0][0] == discriminator.get_weights()[0]).all()
