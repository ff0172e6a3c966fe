"""numpy takes memory and time in each process that imports it: those that answer queries do not."""

from tests.test_architecture import imported_modules, is_within


def test_processes_that_answer_queries_do_without_numpy():
    modules = imported_modules()
    found = {module for module in modules if module.split(".")[0] in {"web", "graph"}}
    while more := {each for module in found for each in modules[module]} & modules.keys() - found:
        found |= more
    using = {
        module
        for module, imported in modules.items()
        if any(is_within(each, {"numpy"}) for each in imported)
    }
    assert "athletics.columns" in using
    assert found & using == set()
