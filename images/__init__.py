"""The images: one folder with a Dockerfile each, and the program that builds them: ``python -m images``.

Which images there are is no list of ours: editors, frameworks and versions come from the catalog, names from
``ovh_spawner.pod.images``. Beside a framework's Dockerfile, ``versions.yaml`` says what each version pins.

Here: ``plan`` (which images, from what, pure), ``content`` (what a Dockerfile sees, and the key of it), ``buildah``
(the builds), ``archives`` (docker archives for a cluster without a registry), ``pins`` (do the pins resolve?).
Nothing of it is part of the installed package.
"""
