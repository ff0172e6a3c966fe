"""The whole adoption of the dump."""


def test_smoke(world):
    before = world.old_contents()
    for line in world.adopt(dry_run=True):
        __import__("sys").__stderr__.write(line+"\n")
    __import__("sys").__stderr__.write("=====\n")
    for line in world.adopt(batch_size=50):
        __import__("sys").__stderr__.write(line+"\n")
    code, lines = world.run(verify=True)
    __import__("sys").__stderr__.write(str(lines)+"\n")
    assert code == 0
    world.recalculate()
    for line in world.adopt(batch_size=50):
        __import__("sys").__stderr__.write(line+"\n")
    assert world.old_contents() == before
    code, lines = world.run(verify=True)
    __import__("sys").__stderr__.write(str(lines)+"\n")
    assert code == 0
