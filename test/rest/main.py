"""Runs the *_test.py files of the present directory that the arguments name,
or all of them; prints a line for each test and the counts at the end."""
import glob
import importlib
import os
import sys
import time
import unittest


class Result(unittest.TestResult):
    """Prints one line for each test and counts them."""

    def __init__(self):
        super().__init__()
        self.passed = 0
        self.broken = set()
        self.started = 0

    def line(self, mark, test, more=""):
        print("%-7s %s (%.2f s)%s" % (mark, test.id(), time.monotonic() - self.started, more),
              flush=True)

    def startTest(self, test):
        super().startTest(test)
        self.started = time.monotonic()

    def addSuccess(self, test):
        self.passed += 1
        self.line("ok", test)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line("skip", test, " " + reason)

    def broke(self, test, error):
        self.broken.add(test.id())
        self.line("FAILED", test)
        print(self._exc_info_to_string(error, test), flush=True)

    def addError(self, test, error):
        self.broke(test, error)

    def addFailure(self, test, error):
        self.broke(test, error)

    def addSubTest(self, test, subtest, error):
        if error is not None:
            self.broken.add(test.id())
            self.line("FAILED", subtest)
            print(self._exc_info_to_string(error, test), flush=True)


def main(names):
    here = os.getcwd()
    sys.path.insert(0, here)
    names = names or sorted(os.path.basename(path)[:-len("_test.py")] for path
                            in glob.glob(os.path.join(here, "*_test.py")))
    result = Result()
    began = time.monotonic()
    unittest.TestSuite(unittest.defaultTestLoader.loadTestsFromModule(
        importlib.import_module(name + "_test")) for name in names).run(result)
    print("%s: %.0f s" % (os.path.basename(here), time.monotonic() - began))
    print("%d passed, %d failed%s" % (
        result.passed, len(result.broken),
        ", %d skipped" % len(result.skipped) if result.skipped else ""))
    return 1 if result.broken or not result.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
