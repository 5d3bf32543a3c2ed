"""Checks of configs that know of classes, labels and crops; see `mmengine.config.checking`."""
