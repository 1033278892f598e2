/*
 * price.c
 *	  Currencies, and prices of products in others than the default channel's.
 */
#include "oms.h"
#include "json.h"
#include "list.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#define MAX_WHOLE INT64CONST(9999999999) /* of a price, in the currency's major unit */

/* the second column says whether oms.product.price is in the currency */
static KeptPlan select_currency =
	PLAN("SELECT decimals::integer, EXISTS (SELECT FROM oms.channel "
		 "WHERE code = 'default' AND currency = $1) FROM oms.currency WHERE code = $1",
		 TEXTOID);

static KeptPlan select_currencies =
	PLAN0("SELECT code, decimals::integer, name FROM oms.currency ORDER BY code");

static KeptPlan lock_product =
	PLAN("SELECT FROM oms.product WHERE id = $1 AND archived_at IS NULL FOR UPDATE", INT8OID);

static KeptPlan find_product = PLAN("SELECT FROM oms.product WHERE id = $1", INT8OID);

static KeptPlan set_price =
	PLAN("INSERT INTO oms.product_price AS p (product_id, currency, price) VALUES ($1, $2, $3) "
		 "ON CONFLICT (product_id, currency) DO UPDATE SET price = excluded.price, "
		 "updated_at = now() WHERE p.price <> excluded.price RETURNING currency, price::text",
		 INT8OID, TEXTOID, NUMERICOID);

/* removes one price, or with null all but those of the array */
static KeptPlan remove_prices =
	PLAN("DELETE FROM oms.product_price WHERE product_id = $1 "
		 "AND (currency = $2 OR $2 IS NULL AND currency <> ALL ($3)) RETURNING currency, NULL",
		 INT8OID, TEXTOID, TEXTARRAYOID);

static KeptPlan select_prices =
	PLAN("SELECT currency, price FROM oms.product_price WHERE product_id = $1 ORDER BY currency",
		 INT8OID);

static KeptPlan touch_product =
	PLAN("UPDATE oms.product SET version = version + 1, updated_at = now() "
		 "WHERE id = $1 RETURNING version",
		 INT8OID);

/* Price: what is wanted in one currency */
typedef struct Price
{
	char *currency;
	bool removed;
	int64 units; /* of the last decimal */
	int decimals;
} Price;

static void
raise_not_found(int64 id)
{
	ereport(ERROR,
			(oms_errcode(OMS_PRODUCT_NOT_FOUND), errmsg("there is no product " INT64_FORMAT, id),
			 errhint("List the products to see their ids.")));
}

/* read_currency finds the currency of a price, or notes what is wrong with it */
static bool
read_currency(Input *input, const char *pointer, Price *price)
{
	Datum arg = CStringGetTextDatum(price->currency);

	if (plan_write(&select_currency, &arg, NULL) == 0)
		input_fault(input, pointer, "there is no currency \"%s\"", price->currency);
	else if (row_bool(0, 2))
		input_fault(input, pointer,
					"is the currency of the product's own price: change the product's price");
	else
	{
		price->decimals = row_int32(0, 1);
		return true;
	}
	return false;
}

/* read_price reads an amount with no more decimals than its currency has */
static void
read_price(Input *input, const char *pointer, const char *amount, Price *price)
{
	int64 scale = 1;

	for (int i = 0; i < price->decimals; i++)
		scale *= 10;
	if (!decimal_read(amount, price->decimals, &price->units) || price->units < 0 ||
		price->units / scale > MAX_WHOLE)
		input_fault(input, pointer,
					"must be a decimal string of at most %d decimals, from 0 to " INT64_FORMAT "%s",
					price->decimals, MAX_WHOLE,
					price->decimals ? psprintf(".%.*s", price->decimals, "999") : "");
}

/* add_changes appends members to the payload of the event, for the rows of the last plan */
static void
add_changes(StringInfo payload, uint64 n)
{
	for (uint64 i = 0; i < n; i++)
	{
		char *amount = row_cstring(i, 2);

		appendStringInfo(payload, "%s\"%s\": ", payload->len > 1 ? ", " : "", row_cstring(i, 1));
		if (amount)
			appendStringInfo(payload, "\"%s\"", amount);
		else
			appendStringInfoString(payload, "null");
	}
}

/*
 * write_prices sets prices of a product; with "replace" those that are not
 * named go.  If anything differs, the product has a new version.
 */
static void
write_prices(Verb *verb, int64 id, const Price *prices, int n, bool replace)
{
	Datum *kept = palloc(sizeof(Datum) * Max(n, 1));
	Datum args[3] = {Int64GetDatum(id)};
	StringInfoData payload;
	int nkept = 0;

	initStringInfo(&payload);
	appendStringInfoChar(&payload, '{');
	for (int i = 0; i < n; i++)
	{
		args[1] = CStringGetTextDatum(prices[i].currency);
		if (!prices[i].removed)
		{
			args[2] =
				NumericGetDatum(int64_div_fast_to_numeric(prices[i].units, prices[i].decimals));
			kept[nkept++] = args[1];
			add_changes(&payload, plan_write(&set_price, args, NULL));
		}
		else if (!replace)
			add_changes(&payload, plan_write(&remove_prices, args, "  n"));
	}
	if (replace)
	{
		args[2] = PointerGetDatum(construct_array(kept, nkept, TEXTOID, -1, false, TYPALIGN_INT));
		add_changes(&payload, plan_write(&remove_prices, args, " n "));
	}
	if (payload.len > 1)
	{
		int64 version;
		Datum changes;

		appendStringInfoChar(&payload, '}');
		changes = DirectFunctionCall1(jsonb_in, CStringGetDatum(payload.data));
		plan_write(&touch_product, args, NULL);
		version = row_int64(0, 1);
		event_append(verb, "product.price_set", "product", 1, &id, &version, &changes);
	}
}

OMS_VERB(product_price_set);

static Datum
product_price_set(Verb *verb, FunctionCallInfo fcinfo)
{
	int64 id = PG_ARGISNULL(0) ? 0 : PG_GETARG_INT64(0);
	Price price = {.removed = PG_ARGISNULL(2)};
	Input input;

	if (plan_write(&lock_product, (Datum[]){Int64GetDatum(id)}, NULL) == 0)
		raise_not_found(id);
	input_start(&input);
	if (PG_ARGISNULL(1))
		input_fault(&input, "/currency", "is required");
	else
	{
		price.currency = TextDatumGetCString(PG_GETARG_DATUM(1));
		if (read_currency(&input, "/currency", &price) && !price.removed)
			read_price(&input, "/price",
					   DatumGetCString(DirectFunctionCall1(numeric_out, PG_GETARG_DATUM(2))),
					   &price);
	}
	input_end(&input);
	write_prices(verb, id, &price, 1, false);
	return (Datum) 0;
}

/* ------------------------------------------------------------------- REST */

/* read_member reads one member of {"JPY": "1200", ...} */
static void
read_member(Input *input, JsonbValue *key, JsonbValue *value, Price *price)
{
	char *pointer;
	char *amount = NULL;

	memset(price, 0, sizeof(*price));
	price->currency = pnstrdup(key->val.string.val, key->val.string.len);
	price->removed = value->type == jbvNull;
	pointer =
		pointer_of("", price->currency, pg_mbcliplen(price->currency, key->val.string.len, 100));
	if (strlen(price->currency) != 3 || strspn(price->currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
		input_fault(input, pointer, "is no currency: a code has three capital letters");
	else if (read_currency(input, pointer, price) && !price->removed)
	{
		if (value->type == jbvString)
			amount = pnstrdup(value->val.string.val, value->val.string.len);
		else if (value->type == jbvNumeric)
			amount = numeric_normalize(value->val.numeric);
		read_price(input, pointer, amount ? amount : "", price);
	}
}

/* prices_reply answers with the n rows of the last plan */
static Datum
prices_reply(Verb *verb, uint64 n)
{
	StringInfo reply = reply_begin(verb);

	appendStringInfoChar(reply, '{');
	for (uint64 i = 0; i < n; i++)
	{
		bool isnull;
		Datum price = row_datum(i, 2, &isnull);

		appendStringInfo(reply, "%s\"%s\": \"%s\"", i ? ", " : "", row_cstring(i, 1),
						 DatumGetCString(DirectFunctionCall1(numeric_out, price)));
	}
	appendStringInfoChar(reply, '}');
	return reply_datum(reply);
}

REST_VERB(rest_product_prices_replace);

static Datum
rest_product_prices_replace(Verb *verb, FunctionCallInfo fcinfo)
{
	int64 id = PG_GETARG_INT64(2);
	Input input;
	JsonbContainer *object = input_begin(&input, PG_GETARG_TEXT_PP(3));
	Price *prices = palloc(sizeof(Price) * (JsonContainerSize(object) + 1));
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbValue key;
	JsonbValue value;
	int n = 0;

	if (plan_write(&lock_product, (Datum[]){Int64GetDatum(id)}, NULL) == 0)
		raise_not_found(id);
	(void) JsonbIteratorNext(&it, &key, true); /* WJB_BEGIN_OBJECT */
	while (JsonbIteratorNext(&it, &key, true) == WJB_KEY)
	{
		(void) JsonbIteratorNext(&it, &value, true);
		read_member(&input, &key, &value, &prices[n++]);
	}
	input_end(&input);
	write_prices(verb, id, prices, n, true);
	return prices_reply(verb, plan_write(&select_prices, (Datum[]){Int64GetDatum(id)}, NULL));
}

REST_QUERY(rest_product_prices);

static Datum
rest_product_prices(Verb *verb, FunctionCallInfo fcinfo)
{
	int64 id = PG_GETARG_INT64(2);

	if (plan_read(&find_product, (Datum[]){Int64GetDatum(id)}, NULL) == 0)
		raise_not_found(id);
	return prices_reply(verb, plan_read(&select_prices, (Datum[]){Int64GetDatum(id)}, NULL));
}

REST_QUERY(rest_currency_list);

static Datum
rest_currency_list(Verb *verb, FunctionCallInfo fcinfo)
{
	return list_whole(verb, &select_currencies);
}
