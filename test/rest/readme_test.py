"""README.md: its lines work as printed, and its tables leave nothing out."""
import os
import re
import subprocess
import time

import client
from client import ADMIN_PASSWORD, CONNINFO, URL
from fixture import Test, make_sellable

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def read(*path):
    with open(os.path.join(ROOT, *path), encoding="utf-8") as file:
        return file.read()


def blocks(kind):
    return re.findall(r"```%s\n(.*?)```" % kind, read("README.md"), re.S)


def run(script):
    """Output of a shell script, made for this server instead of make run's."""
    script = script.replace("http://127.0.0.1:8000", URL)
    script = script.replace("$(cat var/admin-password)", "$OMS_ADMIN_PASSWORD")
    script = script.replace("make psql", 'psql -XAt -v ON_ERROR_STOP=1 "$OMS_CONNINFO"')
    env = dict(os.environ, OMS_ADMIN_PASSWORD=ADMIN_PASSWORD, OMS_CONNINFO=CONNINFO)
    done = subprocess.run(["bash", "-ec", script], env=env, capture_output=True, text=True,
                          timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


class Lines(Test):
    def test_first_order_with_curl(self):
        product = make_sellable()
        script = blocks("sh")[0].replace('"product_id": 1', '"product_id": %d' % product)
        out = run(script)
        self.assertIn('"status": "CONFIRMED"', out)
        self.assertIn('"to_status": "CONFIRMED"', out)

    def test_first_order_with_sql(self):
        out = run(blocks("sh")[1]).split("\n")
        self.assertTrue(any(re.fullmatch(r"SO-\d{8}\|CONFIRMED\|25\.00", line) for line in out), out)
        self.assertIn("100|2|98", out)

    def test_task_handler(self):
        try:
            run("make psql <<'SQL'\n%s\nSQL" % blocks("sql")[0])
            self.eventually(lambda: client.value("SELECT count(*) FROM public.letter") == 1)
        finally:
            run("make psql -c \"SELECT oms.task_handler_remove('welcome')\" "
                "-c 'DROP TABLE public.letter' -c 'DROP FUNCTION public.on_welcome' "
                "-c 'DROP ROLE erp'")

    def eventually(self, condition):
        for _ in range(100):
            if condition():
                return
            time.sleep(0.1)
        self.fail("it did not happen within 10 s")


class Tables(Test):
    def named(self, name, text):
        self.assertTrue(name in text, "README.md lacks %s" % name)

    def test_errors(self):
        text = read("README.md")
        for digits, status, title in re.findall(r'OMS_ERROR\("(\d+)", \w+, (\d+), "([^"]*)"\)',
                                                read("extension", "src", "errcode.h")):
            self.named("| OM%s | %s | %s |" % (digits, status, title), text)

    def test_settings_of_the_extension(self):
        text = read("README.md")
        for (name,) in client.rows("SELECT name FROM pg_settings WHERE name LIKE 'oms.%%'"):
            self.named("`%s`" % name, text)

    def test_settings_of_omsd(self):
        text = read("README.md")
        for name in re.findall(r'^\t\{"(\w+)", UNIT_', read("server", "config.c"), re.M):
            self.named("| `%s` |" % name, text)

    def test_verbs(self):
        text = read("README.md")
        for (name,) in client.rows("SELECT DISTINCT proname FROM pg_proc "
                                   "WHERE pronamespace = 'oms'::regnamespace "
                                   "AND has_function_privilege('oms_admin', oid, 'EXECUTE')"):
            self.named(name, text)
