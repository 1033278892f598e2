/*
 * key.h
 *	  Secrets that access tokens are signed with.
 */
#ifndef OMSD_KEY_H
#define OMSD_KEY_H

#include "text.h"

#define KEY_ID_MAX 64

typedef struct Key
{
	char id[KEY_ID_MAX + 1];
	char *secret;
	size_t len;
} Key;

typedef struct KeyRing
{
	Key *keys; /* the first one signs */
	size_t count;
	unsigned generation;     /* differs from that of every other ring */
	struct KeyRing *retired; /* the one this replaced, freed at exit */
} KeyRing;

/* the keys in force; a thread may hold them as long as it likes */
extern const KeyRing *key_ring(void);
extern bool key_load(const char *file, Buf *error);
extern const Key *key_find(const KeyRing *ring, const char *id);
extern void key_free(void);

#endif
