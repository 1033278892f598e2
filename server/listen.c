/*
 * listen.c
 *	  Addresses, TLS, accepting clients and parting from them.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <unistd.h>

#include "http_h2o.h"

#define ACCEPT_AT_ONCE 16

/* how much is read, and thrown away, from a client that was told to stop sending */
#define LINGER_BYTES (64u * 1024 * 1024)

typedef struct Linger
{
	h2o_linklist_t link;
	h2o_timeout_entry_t timeout;
	h2o_socket_t *sock;
	size_t bytes;
} Linger;

static int listen_fds[MAX_LISTENERS];
static unsigned nlisten_fds;
static SSL_CTX *tls;

/* binds one "host:port" */
static bool
bind_address(char *address, Buf *error)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	char *colon = strrchr(address, ':');
	char *host = address;
	int one = 1;
	int fd = -1;
	int rc;

	if (!colon || nlisten_fds == MAX_LISTENERS)
	{
		buf_fmt(error, "listen: \"%s\" must be address:port, %d at most", address, MAX_LISTENERS);
		return false;
	}
	*colon = '\0';
	if (host[0] == '[' && colon[-1] == ']')
	{
		colon[-1] = '\0';
		host++;
	}
	rc = getaddrinfo(*host && strcmp(host, "*") != 0 ? host : NULL, colon + 1, &hints, &found);
	if (rc != 0)
	{
		buf_fmt(error, "listen: %s port %s: %s", host, colon + 1, gai_strerror(rc));
		return false;
	}
	fd = socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
		bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 4096) != 0)
	{
		buf_fmt(error, "cannot listen on %s port %s: %s", host, colon + 1, strerror(errno));
		freeaddrinfo(found);
		if (fd >= 0)
			close(fd);
		return false;
	}
	freeaddrinfo(found);
	listen_fds[nlisten_fds++] = fd;
	return true;
}

static bool
open_tls(const char *certificate, const char *key, Buf *error)
{
	char reason[256];

	tls = SSL_CTX_new(TLS_server_method());
	SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
	SSL_CTX_set_options(tls, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
								 SSL_OP_NO_COMPRESSION);
	SSL_CTX_set_session_id_context(tls, (const unsigned char *) "omsd", 4);
	if (SSL_CTX_use_certificate_chain_file(tls, certificate) == 1 &&
		SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) == 1 &&
		SSL_CTX_check_private_key(tls) == 1)
		return true;
	ERR_error_string_n(ERR_get_error(), reason, sizeof reason);
	buf_fmt(error, "cannot use tls_certificate \"%s\" with tls_key \"%s\": %s", certificate, key,
			reason);
	return false;
}

bool
http_open(Buf *error)
{
	char *list = xstrdup(config()->listen);
	char *rest = list;
	char *address;
	bool ok = true;

	while (ok && (address = strsep(&rest, ",")) != NULL)
	{
		address += strspn(address, " ");
		address[strcspn(address, " ")] = '\0';
		ok = bind_address(address, error);
	}
	free(list);
	if (ok && config()->tls_certificate[0])
		ok = open_tls(config()->tls_certificate, config()->tls_key, error);
	return ok;
}

void
http_close(void)
{
	while (nlisten_fds > 0)
		close(listen_fds[--nlisten_fds]);
	if (tls)
		SSL_CTX_free(tls);
	tls = NULL;
	h2o_config_dispose(&http_conf);
}

static void
linger_end(Linger *linger)
{
	h2o_timeout_unlink(&linger->timeout);
	h2o_linklist_unlink(&linger->link);
	h2o_socket_read_stop(linger->sock);
	h2o_socket_close(linger->sock);
	free(linger);
}

static void
on_linger_timeout(h2o_timeout_entry_t *entry)
{
	linger_end(H2O_STRUCT_FROM_MEMBER(Linger, timeout, entry));
}

static void
on_linger_read(h2o_socket_t *sock, const char *error)
{
	Linger *linger = sock->data;

	linger->bytes += sock->input->size;
	h2o_buffer_consume(&sock->input, sock->input->size);
	if (error || linger->bytes > LINGER_BYTES)
		linger_end(linger);
}

/*
 * Closing a socket that has unread data resets the connection, and the client
 * loses the reply that says why.  So the rest is read for a short time.
 */
static void
linger_start(HttpThread *thread, int fd)
{
	Linger *linger = xcalloc(1, sizeof *linger);

	shutdown(fd, SHUT_WR);
	linger->sock = h2o_evloop_socket_create(thread->h2o.loop, fd, 0);
	linger->sock->data = linger;
	linger->timeout.cb = on_linger_timeout;
	h2o_linklist_insert(&thread->lingering, &linger->link);
	h2o_timeout_link(thread->h2o.loop, &thread->linger_timeout, &linger->timeout);
	h2o_socket_read_start(linger->sock, on_linger_read);
}

void
linger_stop(HttpThread *thread)
{
	while (!h2o_linklist_is_empty(&thread->lingering))
		linger_end(H2O_STRUCT_FROM_MEMBER(Linger, link, thread->lingering.next));
}

static void
on_client_closed(void *data)
{
	Client *client = data;

	if (client->linger_fd > 0)
		linger_start(client->thread, client->linger_fd);
	client->thread->connections--;
	http_head_forget(client);
	free(client->refusal);
	free(client);
}

/* whose socket it is; NULL for all sockets but those of clients */
Client *
listen_client(const h2o_socket_t *sock)
{
	return sock->on_close.cb == on_client_closed ? sock->on_close.data : NULL;
}

/* notes who the client is */
static void
name_client(Client *client)
{
	struct sockaddr_storage address;
	socklen_t len = sizeof address;

	if (getpeername(client->fd, (struct sockaddr *) &address, &len) != 0)
		strcpy(client->remote, "unknown");
	else if (address.ss_family == AF_INET)
	{
		struct in_addr *in = &((struct sockaddr_in *) &address)->sin_addr;

		inet_ntop(AF_INET, in, client->remote, sizeof client->remote);
		client->loopback = ntohl(in->s_addr) >> 24 == 127;
	}
	else if (address.ss_family == AF_INET6)
	{
		struct in6_addr *in = &((struct sockaddr_in6 *) &address)->sin6_addr;

		if (IN6_IS_ADDR_V4MAPPED(in))
			inet_ntop(AF_INET, in->s6_addr + 12, client->remote, sizeof client->remote);
		else
			inet_ntop(AF_INET6, in, client->remote, sizeof client->remote);
		client->loopback = IN6_IS_ADDR_LOOPBACK(in) || strncmp(client->remote, "127.", 4) == 0;
	}
}

static void
on_accept(h2o_socket_t *listener, const char *error)
{
	HttpThread *thread = listener->data;
	unsigned timeout = (unsigned) config()->write_timeout;

	if (error)
		return;
	for (int i = 0; i < ACCEPT_AT_ONCE; i++)
	{
		h2o_socket_t *sock = h2o_evloop_socket_accept(listener);
		Client *client;

		if (!sock)
			return;
		if (thread->connections >= (size_t) config()->max_connections)
		{
			h2o_socket_close(sock);
			continue;
		}
		client = xcalloc(1, sizeof *client);
		client->thread = thread;
		client->fd = h2o_socket_get_fd(sock);
		client->secure = tls != NULL;
		name_client(client);
		if (timeout)
			setsockopt(client->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout, sizeof timeout);
		thread->connections++;
		sock->on_close.cb = on_client_closed;
		sock->on_close.data = client;
		h2o_accept(&thread->accept, sock);
	}
}

void
listen_start(HttpThread *thread)
{
	thread->accept =
		(h2o_accept_ctx_t){.ctx = &thread->h2o, .hosts = http_conf.hosts, .ssl_ctx = tls};
	for (unsigned i = 0; i < nlisten_fds; i++)
	{
		int copy = fcntl(listen_fds[i], F_DUPFD_CLOEXEC, 3);
		h2o_socket_t *sock;

		if (copy < 0)
			continue;
		sock = h2o_evloop_socket_create(thread->h2o.loop, copy, H2O_SOCKET_FLAG_DONT_READ);
		sock->data = thread;
		h2o_socket_read_start(sock, on_accept);
		thread->listeners[thread->nlisteners++] = sock;
	}
}

void
listen_stop(HttpThread *thread)
{
	while (thread->nlisteners > 0)
	{
		h2o_socket_t *sock = thread->listeners[--thread->nlisteners];

		h2o_socket_read_stop(sock);
		h2o_socket_close(sock);
	}
	/* the process holds one more copy of each; the kernel must stop queueing clients */
	for (unsigned i = 0; i < nlisten_fds; i++)
		shutdown(listen_fds[i], SHUT_RD);
}
