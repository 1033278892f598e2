/*
 * main.c
 *	  omsd: the web server of oms.
 *
 * The first thread handles signals: SIGTERM and SIGINT finish what was
 * started and end with status 0, a second one ends at once; SIGHUP reads
 * settings and keys again and opens the logs anew.
 */
#include <getopt.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "auth.h"
#include "config.h"
#include "conn.h"
#include "log.h"
#include "loop.h"
#include "metrics.h"
#include "param.h"
#include "pool.h"

#ifndef OMSD_VERSION
#define OMSD_VERSION "1.1"
#endif

static const char *config_file;
static Thread *threads;
static unsigned nthreads;
static int signal_fd;
static pthread_barrier_t all_stopped;

static void
usage(FILE *out)
{
	fputs("omsd - the web server of oms\n\n"
		  "Usage: omsd [--config FILE]\n\n"
		  "  -c, --config FILE  settings, a line is name = value\n"
		  "  -t, --test         check settings, keys and routes, then end\n"
		  "  -h, --help         this text\n"
		  "  -V, --version      the version\n\n"
		  "Each setting may also stand in the environment, as OMS_ and its name in capitals,\n"
		  "which counts before the file.  Numbers take units: ms s min h, B kB MB.\n"
		  "SIGHUP reads settings and keys again, SIGTERM ends after what was started.\n\n"
		  "Settings:\n",
		  out);
	config_describe(out);
}

static void
reload(void)
{
	Buf note = {0};
	Buf error = {0};

	if (!config_reload(config_file, &note, &error))
		log_note(LOG_LEVEL_ERROR, "the old settings stay: %s", error.data);
	else
	{
		if (note.len)
			log_note(LOG_LEVEL_WARNING, "changed only by a restart: %s", note.data);
		if (!auth_load_keys(config()->signing_keys, &error))
			log_note(LOG_LEVEL_ERROR, "the old keys stay: %s", error.data);
		else if (!log_open(&error))
			log_note(LOG_LEVEL_ERROR, "%s", error.data);
		else
			log_note(LOG_LEVEL_INFO, "settings and keys were read again");
	}
	buf_free(&note);
	buf_free(&error);
}

static void
on_signal(void *data)
{
	struct signalfd_siginfo signal;

	(void) data;
	while (read(signal_fd, &signal, sizeof signal) == (ssize_t) sizeof signal)
	{
		if (signal.ssi_signo == SIGHUP)
		{
			reload();
			continue;
		}
		log_note(LOG_LEVEL_INFO, "stopping");
		http_stop(threads, nthreads);
	}
}

static void *
run_thread(void *data)
{
	Thread *thread = data;
	Watch *signals = NULL;

	if (thread->index == 0)
	{
		signals = watch_open(thread, signal_fd, NULL);
		watch_read(signals, on_signal);
	}
	http_thread_run(thread);
	log_tick(thread);
	watch_close(signals);
	pool_thread_close(thread);
	log_tick(thread);
	/* nobody may write to a loop that is gone */
	pthread_barrier_wait(&all_stopped);
	http_thread_close(thread);
	body_thread_close();
	return NULL;
}

static void
open_threads(void)
{
	nthreads = (unsigned) config()->threads;
	threads = xcalloc(nthreads, sizeof *threads);
	metrics_threads(threads, nthreads);
	pthread_barrier_init(&all_stopped, NULL, nthreads);
	for (unsigned i = 0; i < nthreads; i++)
	{
		threads[i].index = i;
		metrics_thread_open(&threads[i]);
		auth_thread_open(&threads[i]);
		http_thread_open(&threads[i]);
		pool_thread_open(&threads[i]);
	}
}

static void
run_threads(void)
{
	pthread_t *ids = xcalloc(nthreads, sizeof *ids);

	for (unsigned i = 1; i < nthreads; i++)
		if (pthread_create(&ids[i], NULL, run_thread, &threads[i]) != 0)
			abort();
	run_thread(&threads[0]);
	for (unsigned i = 1; i < nthreads; i++)
		pthread_join(ids[i], NULL);
	for (unsigned i = 0; i < nthreads; i++)
	{
		auth_thread_close(&threads[i]);
		metrics_thread_close(&threads[i]);
		buf_free(&threads[i].access_log);
		buf_free(&threads[i].scratch);
	}
	free(ids);
	free(threads);
}

/* reads the command line; true if omsd is to run, else *status is its end */
static bool
read_options(int argc, char **argv, bool *test, int *status)
{
	static const struct option options[] = {{"config", required_argument, NULL, 'c'},
											{"test", no_argument, NULL, 't'},
											{"help", no_argument, NULL, 'h'},
											{"version", no_argument, NULL, 'V'},
											{NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "c:thV", options, NULL)) != -1)
	{
		if (option == 'c')
			config_file = optarg;
		else if (option == 't')
			*test = true;
		else
		{
			if (option == 'h')
				usage(stdout);
			else if (option == 'V')
				puts("omsd " OMSD_VERSION);
			*status = option == '?' ? 2 : 0;
			return false;
		}
	}
	if (optind == argc)
		return true;
	fprintf(stderr, "omsd: there is no argument \"%s\"; omsd --help says what there is\n",
			argv[optind]);
	*status = 2;
	return false;
}

/* everything that can fail before threads start */
static bool
prepare(bool test, Buf *error)
{
	return config_load(config_file, error) && (test || log_open(error)) &&
		   auth_load_keys(config()->signing_keys, error) && conn_check_setting(error) &&
		   route_load(config()->openapi, error) && (test || http_open(error));
}

int
main(int argc, char **argv)
{
	Buf error = {0};
	bool test = false;
	int status = 0;
	sigset_t signals;

	if (!read_options(argc, argv, &test, &status))
		return status;
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	/* before threads start, so that all inherit it */
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	signal(SIGPIPE, SIG_IGN);
	body_init();
	if (!prepare(test, &error))
	{
		fprintf(stderr, "omsd: %s\n", error.data);
		buf_free(&error);
		return 1;
	}
	if (!test)
	{
		signal_fd = signalfd(-1, &signals, SFD_NONBLOCK | SFD_CLOEXEC);
		http_configure();
		open_threads();
		log_note(LOG_LEVEL_INFO, "omsd " OMSD_VERSION " listens on %s", config()->listen);
		run_threads();
		http_close();
		log_note(LOG_LEVEL_INFO, "stopped");
		log_close();
		close(signal_fd);
	}
	else
		puts("settings, keys and routes are right");
	route_free();
	auth_free();
	config_free();
	return 0;
}
