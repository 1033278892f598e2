/*
 * make-exec.c
 *	  $(exec PROGRAM ARG...) for GNU make: become PROGRAM, with make's variables
 *	  OMS_* in its environment.
 *
 * GNU make dies of the signal that it gets, whatever its child makes of it.
 * `make run` must end with 0 after an orderly stop, so make turns into run.sh
 * once everything is built.  Words are split at blanks.
 */
#include <gnumake.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_WORDS 64

int plugin_is_GPL_compatible;

int make_exec_gmk_setup(void);

/* Variables given as `make run OMS_PORT=1` are not in make's own environment. */
static void
export_variables(void)
{
	char *names = gmk_expand("$(filter OMS_%,$(.VARIABLES))");

	for (char *name = strtok(names, " "); name; name = strtok(NULL, " "))
	{
		char reference[128];
		char *value;

		snprintf(reference, sizeof(reference), "$(%s)", name);
		value = gmk_expand(reference);
		setenv(name, value, 1);
		gmk_free(value);
	}
	gmk_free(names);
}

static char *
become(const char *name, unsigned int argc, char **argv)
{
	char *words[MAX_WORDS + 1];
	int count = 0;
	sigset_t none;

	(void) name;
	(void) argc;
	for (char *word = strtok(argv[0], " \t\n"); word && count < MAX_WORDS;
		 word = strtok(NULL, " \t\n"))
		words[count++] = word;
	words[count] = NULL;
	export_variables();

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	execvp(words[0], words);
	return NULL; /* not possible: the recipe runs in make's child instead */
}

int
make_exec_gmk_setup(void)
{
	void (*before)(int) = signal(SIGINT, SIG_DFL);

	/* A shell starts its background jobs with SIGINT ignored: undo that alone. */
	if (before != SIG_IGN)
		signal(SIGINT, before);
	gmk_add_function("exec", become, 1, 1, GMK_FUNC_DEFAULT);
	return 1;
}
