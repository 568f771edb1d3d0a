"""Objects to configs and back, in Keras's schema, without ever importing or running what a config names.

A config is ``{"module": "keras.layers", "class_name": "Dense", "config": {...}, "registered_name": None}``. Reading
looks the pair (module, class name) up among the public classes of dualnet and the objects the user registered;
nothing else exists.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

import dualnet_backends as backends

from ..core.conversion import to_array
from ..core.hints import did_you_mean
from ..core.tensor import Tensor
from ..core.warning import warn
from . import sharing
from .writing import note_named, writes_compile_config


class UnknownObjectError(ValueError):
    """A config names a class or a function that is neither of dualnet nor registered, nor among the ``custom_objects``."""


# Keras module -> ours. Written into files (so that Keras opens them) and accepted from files.
_NAMESPACES = {
    "keras": "dualnet",
    "keras.layers": "dualnet.layers",
    "keras.losses": "dualnet.losses",
    "keras.metrics": "dualnet.metrics",
    "keras.optimizers": "dualnet.optimizers",
    "keras.optimizers.schedules": "dualnet.optimizers.schedules",
    "keras.initializers": "dualnet.initializers",
    "keras.regularizers": "dualnet.regularizers",
    "keras.constraints": "dualnet.constraints",
    "keras.activations": "dualnet.activations",
    "keras.dtype_policies": "dualnet.dtype_policies",
    "keras.random": "dualnet.random",
    "keras.ops": "dualnet.ops",
    "keras.ops.image": "dualnet.ops.image",
    "keras.ops.linalg": "dualnet.ops.linalg",
    "dualnet.legacy.activations": "dualnet.legacy.activations",
    "dualnet.core.sparse": "dualnet.core.sparse",
    "keras.src.applications.convnext": "dualnet.applications.convnext_layers",
    "keras.src.applications.inception_resnet_v2": "dualnet.applications.inception_layers",
}
# Modules with more in them than they publish, and those that import their parts when asked for them.
_LISTED = (
    "dualnet",
    "dualnet.optimizers.schedules",
    "dualnet.ops",
    "dualnet.ops.image",
    "dualnet.ops.linalg",
    "dualnet.legacy.activations",
    "dualnet.core.sparse",
    "dualnet.applications.convnext_layers",
    "dualnet.applications.inception_layers",
)
# Where Keras, tf.keras and tf_keras have had their modules. What is not in a module of its own is a class of "keras".
_KERAS_PACKAGES = re.compile(
    r"(tensorflow\.python\.keras|tensorflow\.keras|tf_keras|keras)(\.api\._v[12]\.keras|\.api|\.src)*"
)
_KERAS_MODULES = ("optimizers.schedules", "layers", "losses", "metrics", "optimizers", "initializers", "regularizers",
                  "constraints", "dtype_policies")  # fmt: skip
_FUNCTIONAL = ("keras.src.models.functional", "Functional")  # the class Keras has for models made of inputs and outputs
_custom_objects: dict[str, Any] = {}
_registered_names: dict[Any, str] = {}


@lru_cache(maxsize=1)
def _public() -> dict[tuple[str, str], Any]:
    """(Keras module, name) -> class or function, for all that dualnet has."""
    table: dict[tuple[str, str], Any] = {}
    for keras_name, ours in _NAMESPACES.items():
        module = importlib.import_module(ours)
        for name in module.__all__ if ours in _LISTED else [n for n in dir(module) if not n.startswith("_")]:
            value = getattr(module, name)
            own = getattr(value, "__module__", "").startswith("dualnet")  # and not what a module imports from elsewhere
            named = inspect.isclass(value) or (inspect.isfunction(value) and ours != "dualnet.random")
            if own and named:
                info = getattr(value, "info", None)
                without_keras = bool(info and info.namespace and not info.keras_class)  # ``@op(..., keras=False)``
                table.setdefault((ours if without_keras else keras_name, name), value)
    table[_FUNCTIONAL] = table["keras", "Model"]
    return table


@lru_cache(maxsize=1)
def _public_names() -> dict[Any, tuple[str, str]]:
    """Class or function -> (Keras module, name); the longest module wins, so that Dense is in keras.layers."""
    names: dict[Any, tuple[str, str]] = {}
    for (module, name), value in _public().items():
        known = names.get(value)
        exported = getattr(value, "exported_as", None) or getattr(value, "__name__", None)
        if exported == name and (known is None or len(known[0]) < len(module)):
            names[value] = (module, name)
    return names


def register_keras_serializable(package: str = "Custom", name: str | None = None) -> Callable[[Any], Any]:
    """A decorator that lets files name a class or function of yours, as ``package>name``."""

    def register(target: Any) -> Any:
        if inspect.isclass(target) and not hasattr(target, "get_config"):
            raise ValueError(f"cannot register {target.__name__}: a class needs a get_config method to be saved")
        full = f"{package}>{name or target.__name__}"
        _custom_objects[full] = target
        _registered_names[target] = full
        return target

    return register


def get_registered_name(obj: Any) -> str:
    """The name under which a class or function was registered, or its own name."""
    return _registered_names.get(obj, getattr(obj, "__name__", str(obj)))


def get_registered_object(
    name: str | None, custom_objects: dict[str, Any] | None = None, module_objects: dict[str, Any] | None = None
) -> Any:
    """The class or function that was registered under a name, or None."""
    tables = (custom_objects, _custom_objects, module_objects)
    return next((table[name] for table in tables if table and name in table), None)


def get_custom_objects() -> dict[str, Any]:
    """The table of registered objects, by name; it may be changed."""
    return _custom_objects


@contextmanager
def custom_object_scope(custom_objects: dict[str, Any] | None) -> Iterator[None]:
    """Know some more objects by name inside a ``with`` block."""
    before = dict(_custom_objects)
    _custom_objects.update(custom_objects or {})
    try:
        yield
    finally:
        _custom_objects.clear()
        _custom_objects.update(before)


CustomObjectScope = custom_object_scope


def serialize_keras_object(obj: Any) -> Any:
    """The config of an object: plain numbers, strings, lists and dictionaries.

    A layer that occurs in it several times is marked with ``shared_layer``, and is read back as one layer.
    """
    return sharing.write_config(lambda: _serialize(obj))


def serialize_arguments(obj: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """The config of arguments of an object; an error says which argument of which object cannot be in one."""
    return sharing.write_config(lambda: _serialize_arguments(obj, arguments))


def _serialize(obj: Any) -> Any:
    if obj is None:
        return None
    if isinstance(obj, (bool, int, float, str)):
        return obj.item() if hasattr(obj, "item") else obj  # numpy.float64 is a float
    if isinstance(obj, (list, tuple)):
        return [_serialize(v) for v in obj]
    if isinstance(obj, dict):
        return {k: _serialize(v) for k, v in obj.items()}
    if isinstance(obj, slice):
        ends = {key: _serialize(getattr(obj, key)) for key in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": ends}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if hasattr(obj, "dtype") and hasattr(obj, "tolist"):  # tensor, array or NumPy scalar
        if getattr(obj, "ndim", 0) == 0:
            return obj.item()
        return {"class_name": "__numpy__", "config": {"value": obj.tolist(), "dtype": str(obj.dtype)}}
    if inspect.isfunction(obj) or inspect.isbuiltin(obj):
        return _serialize_function(obj)
    if inspect.isclass(obj):
        module, name, registered = _names_of(obj)
        return {"module": module, "class_name": "type", "config": name, "registered_name": registered}
    if not hasattr(obj, "get_config"):
        raise TypeError(f"cannot save {obj!r}: {type(obj).__name__} has no get_config method")
    module, name, registered = _names_of(type(obj), obj)
    config: dict[str, Any] = {
        "module": module,
        "class_name": name,
        "config": _serialize_arguments(obj, obj.get_config()),
        "registered_name": registered,
    }
    for key in ("build_config", "compile_config"):
        if key == "compile_config" and not writes_compile_config():
            continue
        value = getattr(obj, f"get_{key}")() if hasattr(obj, f"get_{key}") else None
        if value is not None:
            config[key] = _serialize_arguments(obj, value)
    if _is_layer(obj):
        config |= sharing.number_of(obj)
    return config


def _serialize_arguments(obj: Any, arguments: Any) -> Any:
    if not isinstance(arguments, dict):
        return _serialize(arguments)
    config = {}
    for key, value in arguments.items():
        try:
            config[key] = _serialize(value)
        except (TypeError, ValueError) as error:
            if getattr(error, "_dualnet_argument", False):
                raise
            message = f"{error} (the argument {key!r} of {describe(obj)})"
            again = (TypeError if isinstance(error, TypeError) else ValueError)(message)
            again._dualnet_argument = True  # type: ignore[union-attr]
            raise again from error
    return config


def describe(obj: Any) -> str:
    """An object in messages: its class, and its name if it has one."""
    name = getattr(obj, "name", None)
    return f"{type(obj).__name__} {name!r}" if isinstance(name, str) else type(obj).__name__


def note_config(error: Exception, description: str) -> None:
    """Say which object an error is about that came up while it was made from its config, once, at the innermost one."""
    if failed_object(error) is None:
        error._dualnet_config = description  # type: ignore[attr-defined]
        error.add_note(f"while making {description} from its config")


def failed_object(error: Exception) -> str | None:
    """Which object could not be made from its config, as ``note_config`` has noted it."""
    return getattr(error, "_dualnet_config", None)


def _is_layer(obj: Any) -> bool:
    """Whether it has weights, so that two copies of it are not the same as it."""
    return hasattr(obj, "get_build_config")


def _names_of(cls: Any, obj: Any = None) -> tuple[str | None, str, str | None]:
    """(module, class name, registered name) as they stand in a config."""
    public = _public_names().get(cls)
    if public == ("keras", "Model") and getattr(obj, "_graph", None) is not None:
        return (*_FUNCTIONAL, "Functional")
    if public is not None:
        return (*public, None)
    module = None if cls.__module__ in ("__main__", "builtins") else cls.__module__
    registered = get_registered_name(cls)
    note_named(cls, cls.__name__, registered)
    return module, cls.__name__, registered


def _serialize_function(function: Any) -> Any:
    if function.__name__ == "<lambda>":
        raise ValueError("cannot save a lambda: define a function with a name and register it")
    module, name = _public_names().get(function, ("builtins", function.__name__))
    if module != "builtins" and not module.startswith(("keras.ops", "dualnet.")):
        return name
    registered = get_registered_name(function)
    if module == "builtins":
        note_named(function, name, registered)
    return {"module": module, "class_name": "function", "config": name, "registered_name": registered}


def deserialize_keras_object(
    config: Any, custom_objects: dict[str, Any] | None = None, safe_mode: bool = True, **kwargs: Any
) -> Any:
    """The object a config describes. Classes and functions come from dualnet, the registry and ``custom_objects`` only.

    Configs with one ``shared_layer`` number give one layer.

    Args:
        config: the config, or a structure with configs in it.
        custom_objects: your own classes and functions by name.
        safe_mode: accepted and ignored: code in a config is never run.

    Raises:
        TypeError: an unknown argument.
        ValueError: a class or function that is none of these; serialized Python code (``__lambda__``) is always refused.
    """
    if kwargs:
        raise TypeError(f"deserialize_keras_object got unknown arguments: {', '.join(kwargs)}")
    with sharing.reading():
        return _deserialize(config, custom_objects)


def _deserialize(config: Any, custom_objects: dict[str, Any] | None) -> Any:
    if isinstance(config, (list, tuple)):
        return [_deserialize(v, custom_objects) for v in config]
    if not isinstance(config, dict):
        return config
    name = config.get("class_name")
    if name is None or "config" not in config:
        return {k: _deserialize(v, custom_objects) for k, v in config.items()}
    inner = config["config"]
    if not isinstance(name, str) or not isinstance(config.get("registered_name"), (str, type(None))):
        raise ValueError(f"expected names in a config, got class_name {name!r}, {config.get('registered_name')!r}")
    if name == "__lambda__":
        own = get_registered_object("<lambda>", custom_objects)
        if own is not None:
            return own
        raise ValueError(
            "the file holds a Python lambda as byte code, which is never run: define the function in your program and "
            "pass it with custom_objects={'<lambda>': function}"
        )
    if name == "__slice__":
        return slice(*(_deserialize(inner[key], custom_objects) for key in ("start", "stop", "step")))
    if name == "__ellipsis__":
        return Ellipsis
    if name in ("__numpy__", "__tensor__"):
        value = Tensor(to_array(inner["value"], backends.current(), inner["dtype"]))
        return value.numpy() if name == "__numpy__" else value
    if name in ("function", "type"):
        return look_up(config, str(inner), custom_objects)
    cls = look_up(config, name, custom_objects)
    if not inspect.isclass(cls):
        raise ValueError(f"expected the class {name!r} in a config, found a function of that name")
    if not isinstance(inner, dict):
        raise ValueError(f"the config of {name!r} must be a dictionary, got {type(inner).__name__}")
    shared = sharing.find_layer(config)
    if shared is not None:
        return shared
    with custom_object_scope(custom_objects):
        inner = _without_unknown_nulls(cls, inner)
        try:
            obj = cls.from_config(inner) if hasattr(cls, "from_config") else cls(**inner)
            build_config, compile_config = config.get("build_config"), config.get("compile_config")
            if build_config and hasattr(obj, "build_from_config") and not getattr(obj, "built", False):
                obj.build_from_config(build_config)
            if compile_config and hasattr(obj, "compile_from_config"):
                compile_or_warn(obj, compile_config)
        except Exception as error:
            note_config(error, f"{name} {inner['name']!r}" if isinstance(inner.get("name"), str) else name)
            raise
    if _is_layer(obj):
        sharing.add_layer(config, obj)
    return obj


def compile_or_warn(model: Any, config: dict[str, Any]) -> None:
    """Compile a model as it was when it was saved. Where that cannot be read, the model is left uncompiled, with a warning."""
    try:
        model.compile_from_config(config)
    except Exception as error:
        warn_uncompiled(model, f"{error}" if isinstance(error, ValueError) else f"{type(error).__name__}: {error}")


def warn_uncompiled(model: Any, reason: str) -> None:
    """Say why a model that was compiled when it was saved is not any more."""
    warn(
        f"model {model.name!r} is loaded without what it was compiled with, which cannot be read ({reason}): "
        "call model.compile(...) before training it"
    )


def _without_unknown_nulls(cls: Any, config: dict[str, Any]) -> dict[str, Any]:
    """The config without arguments a class of dualnet does not know, where they are null: newer Keras adds such."""
    if cls not in _public_names():
        return config
    parameters = _parameters(cls)
    if parameters is None:
        return config
    return {key: value for key, value in config.items() if value is not None or key in parameters}


@cache
def _parameters(cls: Any) -> Any:
    """The parameters of the constructor of a class of dualnet, or None if it takes any keyword."""
    parameters = inspect.signature(cls.__init__).parameters
    return None if any(p.kind is p.VAR_KEYWORD for p in parameters.values()) else parameters


def public_object(name: str) -> Any:
    """The class or function of dualnet that has a name in whichever module, or None."""
    named = _public_by_name().get(name)
    return named if named is not None else _exported_under_another_name().get(name)


@cache
def _public_by_name() -> dict[str, Any]:
    """The public classes and functions by name; of two modules with the same name the first one."""
    named: dict[str, Any] = {}
    for (_, name), value in _public().items():
        if value is not None:
            named.setdefault(name, value)
    return named


@cache
def _exported_under_another_name() -> dict[str, Any]:
    """Classes by their own names, which Keras writes where it writes no module: GroupedQueryAttention."""
    classes = {value for value in _public().values() if inspect.isclass(value) and "exported_as" in vars(value)}
    return {cls.__name__: cls for cls in classes}


def public_class(name: str, module: str | None = None) -> Any:
    """The class of dualnet that has a name in a module of Keras, by default in any, or None. "Functional" is that of models."""
    if module is not None:
        value = _public().get((module, name))
    else:
        value = _public().get(_FUNCTIONAL) if name == _FUNCTIONAL[1] else public_object(name)
    return value if inspect.isclass(value) else None


def _class_at(module: str, name: str) -> Any:
    """The class that a version of Keras has in a module, or None: ``keras.engine.functional``, ``tf_keras.src.optimizers.adam``."""
    package = _KERAS_PACKAGES.match(module)
    inside = module[package.end() :].removeprefix(".") if package else ""
    if package is None or module[package.end() : package.end() + 1] not in ("", "."):
        return None
    if name == _FUNCTIONAL[1]:
        return _public()[_FUNCTIONAL]
    namespaces = [f"keras.{m}" for m in _KERAS_MODULES if re.search(rf"(^|\.){re.escape(m)}($|\.)", inside)]
    candidates = [_public().get((namespace, name)) for namespace in (*namespaces, "keras")]
    return next((c for c in candidates if inspect.isclass(c)), None)


def look_up(config: dict[str, Any], name: str, custom_objects: dict[str, Any] | None) -> Any:
    module, registered = config.get("module"), config.get("registered_name")
    for key in (registered, name):
        match = get_registered_object(key, custom_objects)
        if match is not None:
            return match
    if registered in (None, name) and isinstance(module, str):
        match = _public().get((module, name))
        if match is None and module.startswith(
            "keras.src."
        ):  # Keras writes some classes under the file they are defined in
            modules = (f"keras.{module.split('.')[2]}", "keras")
            match = next((_public()[m, name] for m in modules if (m, name) in _public()), None)
        match = _class_at(module, name) if match is None else match
    elif registered in (None, name) and module is None:  # files of Keras 1 and 2 name no module
        match = public_class(name) if name == _FUNCTIONAL[1] else public_object(name)
    if match is not None:
        return match
    if module == "keras.dtype_policies":
        raise ValueError(
            f"the config has the policy {name}, of weights that model.quantize() made whole numbers or float8: they are not "
            "computed with here. Save the model in Keras before it is quantized, and load that"
        )
    full_name = ".".join(part for part in (module, name) if isinstance(part, str))
    as_registered = "" if registered in (None, name) else f" (registered as {registered!r})"
    raise UnknownObjectError(
        f"the config names {full_name}{as_registered}, which is not in dualnet. If it is yours, "
        f"pass custom_objects={{{name!r}: {name}}} or decorate it with @dualnet.saving.register_keras_serializable()"
    )


def by_identifier(
    identifier: Any,
    table: dict[str, Any],
    category: str,
    instance_of: type | None = None,
    instantiate: bool = True,
) -> Any:
    """The object that an identifier of a ``get`` function stands for: None, a name, a config, a class, an instance or a callable.

    table: names -> classes or functions. category: for messages ("loss", "optimizer"). instantiate: whether a class is
    called without arguments.
    """
    if identifier is None:
        return None
    if isinstance(identifier, str):
        match = get_registered_object(identifier, None, table)
        if match is None:
            hint = did_you_mean(identifier, table) or f"; known names: {', '.join(sorted(table)[:40])}"
            raise ValueError(f"no {category} is called {identifier!r}{hint}")
        return match() if instantiate and inspect.isclass(match) else match
    if isinstance(identifier, dict):
        if "class_name" not in identifier:
            raise ValueError(f"a {category} config needs the keys class_name and config, got {sorted(identifier)}")
        return deserialize_keras_object({"config": {}, **identifier})
    if inspect.isclass(identifier):
        identifier = identifier() if instantiate else identifier
    if (instance_of is not None and isinstance(identifier, instance_of)) or callable(identifier):
        return identifier
    raise ValueError(
        f"cannot make a {category} of {identifier!r}: expected a name, a config, an instance or a function"
    )
