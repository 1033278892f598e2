/*
 * account.h
 *	  Accounts of the API: names, passwords and roles.
 */
#ifndef OMS_ACCOUNT_H
#define OMS_ACCOUNT_H

#include "oms.h"

#define USERNAME_MAX 150
#define PASSWORD_MIN 8    /* characters */
#define PASSWORD_MAX 1024 /* bytes */

/* Account: what is known once somebody has logged in */
typedef struct Account
{
	int64 id;
	char *username;
	char *role;       /* "staff" or "admin" */
	const char *hash; /* of the password */
} Account;

/* account_refuse raises OM020, the same whatever is wrong */
extern void account_refuse(void);

/* account_login checks a name and password, or raises OM020 */
extern void account_login(const char *username, const char *password, Account *account);

/* session_revoke_all ends the sessions of an account */
extern void session_revoke_all(int64 account_id, const char *reason);

#endif /* OMS_ACCOUNT_H */
