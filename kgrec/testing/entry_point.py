"""What the `pytest11` entry point names. It only asks for the plugin.

pytest refuses a module that is registered under two names. As the entry point's name (`kgrec`) goes to this module, the
plugin itself is only ever known as `kgrec.testing.plugin`: from here, from `-p kgrec.testing.plugin`, and from the
`pytest_plugins` of a conftest.
"""

pytest_plugins = ["kgrec.testing.plugin"]
