/*
 * limit.h
 *	  Token buckets: how often somebody may ask.
 */
#ifndef OMSD_LIMIT_H
#define OMSD_LIMIT_H

#include "http.h"

/* takes one request from the caller's bucket; 0, or seconds to wait */
extern unsigned limit_request(const Request *request);

/* seconds to wait before the address may try to log in to the account named, or 0 */
extern unsigned limit_login(const Request *request);

/* counts a failed login, for the account from this address and for the address */
extern void limit_login_failed(const Request *request);

#endif
