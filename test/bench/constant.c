/*
 * constant.c
 *	  h2o with one answer: what HTTP itself costs, beside omsd.
 *
 * constant PORT listens on 127.0.0.1 with one thread, as omsd does.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <h2o.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

static h2o_globalconf_t config;
static h2o_context_t context;
static h2o_accept_ctx_t accept_ctx;

static int
answer(h2o_handler_t *self, h2o_req_t *req)
{
	static h2o_generator_t generator;
	h2o_iovec_t body = h2o_strdup(&req->pool, H2O_STRLIT("{\"status\": \"ok\"}\n"));

	(void) self;
	req->res.status = 200;
	req->res.reason = "OK";
	req->res.content_length = body.len;
	h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL,
				   H2O_STRLIT("application/json"));
	h2o_start_response(req, &generator);
	h2o_send(req, &body, 1, H2O_SEND_STATE_FINAL);
	return 0;
}

static void
on_accept(h2o_socket_t *listener, const char *error)
{
	h2o_socket_t *sock;

	if (error == NULL && (sock = h2o_evloop_socket_accept(listener)) != NULL)
		h2o_accept(&accept_ctx, sock);
}

static int
listen_at(uint16_t port)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
		bind(fd, (struct sockaddr *) &address, sizeof address) != 0 || listen(fd, 1024) != 0)
	{
		fprintf(stderr, "constant: cannot listen on port %u: %s\n", port, strerror(errno));
		exit(1);
	}
	return fd;
}

int
main(int argc, char **argv)
{
	h2o_hostconf_t *host;
	h2o_socket_t *listener;

	if (argc != 2)
	{
		fprintf(stderr, "usage: constant PORT\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGTERM); /* ends with its starter */
	h2o_config_init(&config);
	host = h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
	h2o_create_handler(h2o_config_register_path(host, "/", 0), sizeof(h2o_handler_t))->on_req =
		answer;
	h2o_context_init(&context, h2o_evloop_create(), &config);
	accept_ctx.ctx = &context;
	accept_ctx.hosts = config.hosts;
	listener = h2o_evloop_socket_create(context.loop, listen_at((uint16_t) atoi(argv[1])),
										H2O_SOCKET_FLAG_DONT_READ);
	h2o_socket_read_start(listener, on_accept);
	while (h2o_evloop_run(context.loop, INT32_MAX) == 0)
		;
	return 0;
}
