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

#endif /* OMS_PRODUCT_H */
