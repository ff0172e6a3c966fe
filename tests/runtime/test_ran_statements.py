from runtime.ran_statements import RanStatements
from runtime.work_meter import DATABASE_WORK, WorkMeter, begin_statement


def test_runs_of_a_text_are_counted_together_with_the_values_of_the_longest(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("runtime.ran_statements.monotonic", lambda: now[0])
    ran = RanStatements()
    for values, took_s in (((1,), 0.2), ((2,), 0.5), ((3,), 0.1)):
        run = ran.begin("SELECT $1", values)
        now[0] += took_s
        run.end()
        run.end()
    once = ran.begin("SELECT 1", ())
    now[0] += 2
    [long, short] = ran.by_time()  # what is under way is in it
    once.end()
    assert (long.text, long.times, long.seconds) == ("SELECT 1", 1, 2)
    assert (short.times, round(short.seconds, 6), short.values) == (3, 0.8, (2,))
    assert round(short.longest_s, 6) == 0.5


def test_equal_statements_at_once_each_take_their_time(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("runtime.ran_statements.monotonic", lambda: now[0])
    ran = RanStatements()
    runs = [ran.begin("SELECT $1", (number,)) for number in range(3)]
    now[0] += 1
    for run in runs:
        run.end()
    [each] = ran.by_time()
    assert (each.times, each.seconds) == (3, 3)


def test_texts_are_bounded_and_further_ones_counted():
    ran = RanStatements()
    for number in range(100):
        ran.begin(f"SELECT {number}", ()).end()
    assert (len(ran.by_time()), ran.left_out) == (64, 36)


def test_nothing_is_noted_where_nobody_wants_to_know():
    meter = WorkMeter()
    token = DATABASE_WORK.set(meter)
    try:
        assert begin_statement("SELECT 1", ()) is None
        meter.statements = RanStatements()
        assert begin_statement("SELECT 1", ()) is not None
    finally:
        DATABASE_WORK.reset(token)
    assert begin_statement("SELECT 1", ()) is None
