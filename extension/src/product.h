/*
 * product.h
 *	  What other nouns need of products.
 */
#ifndef OMS_PRODUCT_H
#define OMS_PRODUCT_H

/* the members of a product in JSON, in this order; id comes first */
#define PRODUCT_COLUMNS "id, name, about, sku, price, created_at, updated_at, version, archived_at"
#define PRODUCT_COLUMN_COUNT 9
#define PRODUCT_PRICE_COLUMN 5
#define PRODUCT_VERSION_COLUMN 8
#define PRODUCT_ARCHIVED_COLUMN 9

/* the same from a table that is called "p" beside others */
#define PRODUCT_P_COLUMNS                                                                          \
	"p.id, p.name, p.about, p.sku, p.price, p.created_at, p.updated_at, p.version, p.archived_at"

#include "oms.h"

#define MAX_PRICE_CENTS INT64CONST(999999999999)

/* ProductChange: values to write; what is not given stays */
typedef struct ProductChange
{
	const char *sku;
	const char *name;
	const char *about;
	bool has_price;
	int64 cents;
} ProductChange;

/* the rows that they leave are the last plan's, with PRODUCT_COLUMNS */
extern int64 product_insert(Verb *verb, const ProductChange *product); /* raises OM011 */
/* enters many, whose SKUs differ; ids[i] becomes 0 where another has the SKU by now */
extern void products_insert(Verb *verb, const ProductChange *products, int n, int64 *ids);
extern void product_change(Verb *verb, int64 id, const ProductChange *change);
extern void product_archive_row(Verb *verb, int64 id);

#endif /* OMS_PRODUCT_H */
