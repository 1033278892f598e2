/*
 * channel.c
 *	  The ways that orders come by: entered and changed, with the policy of each.
 *
 * Orders carry the code, the currency and the prefix of their channel, so these
 * stay once there are orders; the rest may change and holds for new orders.
 */
#include "oms.h"
#include "idempotency.h"
#include "json.h"
#include "list.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#define CHANNEL_COLUMNS                                                                            \
	"code, name, take_stock, currency, number_prefix, gapless, tax_rate, tax_included, "           \
	"tax_rounding, rounding, active, version, created_at, updated_at"
#define CHANNEL_VERSION_COLUMN 12
#define MAX_CODE 32
#define MAX_PREFIX 16
#define MAX_RATE INT64CONST(9999999) /* ten-thousandths of a percent */

/* the members of a channel that may be written, in the order of the statements' arguments */
enum
{
	CODE,
	NAME,
	TAKE_STOCK,
	CURRENCY,
	NUMBER_PREFIX,
	GAPLESS,
	TAX_RATE,
	TAX_INCLUDED,
	TAX_ROUNDING,
	ROUNDING,
	ACTIVE,
	MEMBERS
};

#define CHANNEL_TYPES                                                                              \
	TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID, BOOLOID, NUMERICOID, BOOLOID, TEXTOID, TEXTOID,   \
		BOOLOID

static KeptPlan insert_channel = PLAN(
	"INSERT INTO oms.channel (code, name, take_stock, currency, number_prefix, gapless, tax_rate, "
	"tax_included, tax_rounding, rounding, active) VALUES ($1, $2, $3, $4, $5, "
	"coalesce($6, false), coalesce(trim_scale($7), 0), coalesce($8, false), coalesce($9, 'line'), "
	"coalesce($10, 'half_up'), coalesce($11, true)) "
	"ON CONFLICT DO NOTHING RETURNING " CHANNEL_COLUMNS,
	CHANNEL_TYPES);

/* null leaves a value as it is */
static KeptPlan update_channel =
	PLAN("UPDATE oms.channel SET name = coalesce($2, name), take_stock = coalesce($3, take_stock), "
		 "currency = coalesce($4, currency), number_prefix = coalesce($5, number_prefix), "
		 "gapless = coalesce($6, gapless), tax_rate = coalesce(trim_scale($7), tax_rate), "
		 "tax_included = coalesce($8, tax_included), tax_rounding = coalesce($9, tax_rounding), "
		 "rounding = coalesce($10, rounding), active = coalesce($11, active), "
		 "version = version + 1, updated_at = now() "
		 "WHERE code = $1 AND (name, take_stock, currency, number_prefix, gapless, tax_rate, "
		 "tax_included, tax_rounding, rounding, active) IS DISTINCT FROM (coalesce($2, name), "
		 "coalesce($3, take_stock), coalesce($4, currency), coalesce($5, number_prefix), "
		 "coalesce($6, gapless), coalesce($7, tax_rate), coalesce($8, tax_included), "
		 "coalesce($9, tax_rounding), coalesce($10, rounding), coalesce($11, active)) "
		 "RETURNING " CHANNEL_COLUMNS,
		 CHANNEL_TYPES);

static KeptPlan select_channel =
	PLAN("SELECT " CHANNEL_COLUMNS " FROM oms.channel WHERE code = $1", TEXTOID);

static KeptPlan select_channels =
	PLAN0("SELECT " CHANNEL_COLUMNS " FROM oms.channel ORDER BY code");

static KeptPlan lock_channel =
	PLAN("SELECT currency, number_prefix FROM oms.channel WHERE code = $1 FOR UPDATE", TEXTOID);

static KeptPlan code_taken = PLAN("SELECT FROM oms.channel WHERE code = $1", TEXTOID);

static KeptPlan prefix_taken =
	PLAN("SELECT FROM oms.channel WHERE number_prefix = $2 AND code <> $1", TEXTOID, TEXTOID);

static KeptPlan currency_known = PLAN("SELECT FROM oms.currency WHERE code = $1", TEXTOID);

static KeptPlan default_currency = PLAN0("SELECT currency FROM oms.channel WHERE code = 'default'");

static KeptPlan has_orders =
	PLAN("SELECT EXISTS (SELECT FROM oms.orders WHERE channel = $1)", TEXTOID);

static KeptPlan has_products = PLAN0("SELECT EXISTS (SELECT FROM oms.product)");

static void
raise_not_found(const char *code)
{
	ereport(ERROR, (oms_errcode(OMS_CHANNEL_NOT_FOUND), errmsg("there is no channel \"%s\"", code),
					errhint("List the channels to see their codes.")));
}

static void
raise_taken(const char *member, const char *what, const char *value)
{
	ereport(ERROR,
			(oms_errcode(OMS_CODE_TAKEN), errmsg("another channel has the %s \"%s\"", what, value),
			 errdetail_internal("[{\"pointer\": \"/%s\", \"detail\": \"another channel has it\"}]",
								member),
			 errhint("Choose another %s.", what)));
}

static void
raise_without_policy(const char *code)
{
	ereport(ERROR,
			(oms_errcode(OMS_CHANNEL_INVALID),
			 errmsg("channel \"%s\" does not say when its orders take stock", code ? code : ""),
			 errdetail_internal("[{\"pointer\": \"/take_stock\", \"detail\": \"is required\"}]"),
			 errhint("Give take_stock: confirm (orders take stock when they are confirmed) or "
					 "create (units are reserved as soon as an order is entered).")));
}

/* ---------------------------------------------------------------- reading */

static void
check_code(Input *input, const char *code)
{
	if (strspn(code, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(code) || *code == '_' ||
		*code == '-')
		input_fault(input, "/code",
					"must be lower-case letters, digits, _ and -, with a letter or digit first");
}

static void
check_prefix(Input *input, const char *prefix)
{
	size_t length = strlen(prefix);

	if (strspn(prefix, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != length ||
		isdigit((unsigned char) prefix[length - 1]))
		input_fault(input, "/number_prefix",
					"must be capital letters, digits and -, with no digit at the end");
}

static void
check_currency(Input *input, const char *code)
{
	Datum arg = CStringGetTextDatum(code);

	if (plan_write(&currency_known, &arg, NULL) == 0)
		input_fault(input, "/currency", "there is no currency \"%s\"", code);
}

/* make_prefix makes the prefix of a channel that is given none, such as SHOP- of shop */
static char *
make_prefix(Input *input, const char *code)
{
	char *prefix = psprintf("%s-", code);

	if (strlen(prefix) > MAX_PREFIX)
	{
		input_fault(input, "/number_prefix",
					"is required, for the code is too long to make one of it");
		return NULL;
	}
	for (char *c = prefix; *c; c++)
		*c = *c == '_' ? '-' : pg_ascii_toupper((unsigned char) *c);
	return prefix;
}

/*
 * channel_read reads a body into values; a new channel must have a code, a name
 * and a policy, and gets currency and prefix where it has none.
 */
static void
channel_read(text *body, bool birth, FieldValue *values)
{
	static const char *const moments[] = {"confirm", "create"};
	static const char *const tax_roundings[] = {"line", "total"};
	static const char *const roundings[] = {"half_up", "half_even"};
	const Field fields[] = {
		{"code", birth ? FIELD_TEXT : FIELD_READ_ONLY, birth, 1, MAX_CODE},
		{"name", FIELD_TEXT, birth, 1, 200},
		{"take_stock", FIELD_TEXT, false, 1, 20},
		{"currency", FIELD_TEXT, false, 1, 3},
		{"number_prefix", FIELD_TEXT, false, 1, MAX_PREFIX},
		{"gapless", FIELD_BOOL, false, 0, 0},
		{"tax_rate", FIELD_RATE, false, 0, MAX_RATE},
		{"tax_included", FIELD_BOOL, false, 0, 0},
		{"tax_rounding", FIELD_TEXT, false, 1, 20},
		{"rounding", FIELD_TEXT, false, 1, 20},
		{"active", FIELD_BOOL, false, 0, 0},
		{"version", FIELD_READ_ONLY, false, 0, 0},
		{"created_at", FIELD_READ_ONLY, false, 0, 0},
		{"updated_at", FIELD_READ_ONLY, false, 0, 0},
	};
	FieldValue all[lengthof(fields)];
	Input input;

	input_fields(&input, input_begin(&input, body), "", fields, lengthof(fields), all);
	memcpy(values, all, sizeof(FieldValue) * MEMBERS);
	if (values[CODE].given)
		check_code(&input, values[CODE].text);
	if (values[TAKE_STOCK].given)
		input_choice(&input, "/take_stock", values[TAKE_STOCK].text, moments, lengthof(moments));
	if (values[CURRENCY].given)
		check_currency(&input, values[CURRENCY].text);
	if (values[NUMBER_PREFIX].given)
		check_prefix(&input, values[NUMBER_PREFIX].text);
	else if (birth && input.nfaults == 0)
		values[NUMBER_PREFIX].text = make_prefix(&input, values[CODE].text);
	if (values[TAX_ROUNDING].given)
		input_choice(&input, "/tax_rounding", values[TAX_ROUNDING].text, tax_roundings,
					 lengthof(tax_roundings));
	if (values[ROUNDING].given)
		input_choice(&input, "/rounding", values[ROUNDING].text, roundings, lengthof(roundings));
	input_end(&input);
}

/* make_args makes the arguments of the statements; what is not given is null */
static void
make_args(const FieldValue *values, Datum *args, char *nulls)
{
	for (int i = 0; i < MEMBERS; i++)
	{
		nulls[i] = ' ';
		if (values[i].text)
			args[i] = CStringGetTextDatum(values[i].text);
		else if (!values[i].given)
			nulls[i] = 'n';
		else if (i == TAX_RATE)
			args[i] = NumericGetDatum(int64_div_fast_to_numeric(values[i].number, 4));
		else
			args[i] = BoolGetDatum(values[i].number != 0);
	}
	nulls[MEMBERS] = '\0';
}

/* ---------------------------------------------------------------- writing */

/* channel_event tells of a change to the channel in the first row of the last plan */
static void
channel_event(Verb *verb, const char *type)
{
	SPITupleTable *table = SPI_tuptable;
	int64 id = 0; /* a channel has a code instead */
	int64 version = row_int64(0, CHANNEL_VERSION_COLUMN);
	StringInfoData json;
	Datum payload;

	initStringInfo(&json);
	appendStringInfoString(&json, "{\"code\": ");
	escape_json(&json, row_cstring(0, 1));
	appendStringInfoChar(&json, '}');
	payload = DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
	event_append(verb, type, "channel", 1, &id, &version, &payload);
	SPI_tuptable = table;
}

/* channel_insert enters a channel; its row is then the last plan's */
static void
channel_insert(Verb *verb, FieldValue *values)
{
	Datum args[MEMBERS] = {0};
	char nulls[MEMBERS + 1];

	if (!values[TAKE_STOCK].given)
		raise_without_policy(values[CODE].text);
	if (!values[CURRENCY].given)
	{
		if (plan_write(&default_currency, NULL, NULL) == 0)
			ereport(ERROR, (oms_errcode(OMS_CHANNEL_NOT_FOUND),
							errmsg("there is no channel \"default\" to take the currency of"),
							errhint("Give the currency.")));
		values[CURRENCY].text = row_cstring(0, 1);
	}
	make_args(values, args, nulls);
	if (plan_write(&insert_channel, args, nulls) == 0)
	{
		if (plan_write(&code_taken, args, NULL) > 0)
			raise_taken("code", "code", values[CODE].text);
		raise_taken("number_prefix", "prefix", values[NUMBER_PREFIX].text);
	}
	channel_event(verb, "channel.created");
}

/* check_stays refuses to change what orders and prices are bound to */
static void
check_stays(const char *code, const FieldValue *values)
{
	char *currency = row_cstring(0, 1);
	char *prefix = row_cstring(0, 2);
	Datum arg = CStringGetTextDatum(code);
	bool new_currency = values[CURRENCY].text && strcmp(values[CURRENCY].text, currency) != 0;
	bool new_prefix = values[NUMBER_PREFIX].text && strcmp(values[NUMBER_PREFIX].text, prefix) != 0;
	bool ordered;
	Input input;

	if (!new_currency && !new_prefix)
		return;
	input_start(&input);
	(void) plan_write(&has_orders, &arg, NULL);
	ordered = row_bool(0, 1);
	if (new_prefix && ordered)
		input_fault(&input, "/number_prefix",
					"must stay \"%s\": the channel has orders, whose numbers begin with it",
					prefix);
	if (new_currency && ordered)
		input_fault(&input, "/currency", "must stay %s: the channel has orders in it", currency);
	else if (new_currency && strcmp(code, "default") == 0)
	{
		(void) plan_write(&has_products, NULL, NULL);
		if (row_bool(0, 1))
			input_fault(&input, "/currency", "must stay %s: the prices of products are in it",
						currency);
	}
	input_end(&input);
}

/* channel_change writes what differs; the channel's row is then the last plan's */
static void
channel_change(Verb *verb, const char *code, FieldValue *values)
{
	Datum args[MEMBERS] = {0};
	char nulls[MEMBERS + 1];

	values[CODE].text = pstrdup(code);
	make_args(values, args, nulls);
	if (plan_write(&lock_channel, args, NULL) == 0)
		raise_not_found(code);
	check_stays(code, values);
	if (values[NUMBER_PREFIX].given)
	{
		Datum prefix[2] = {args[CODE], args[NUMBER_PREFIX]};

		if (plan_write(&prefix_taken, prefix, NULL) > 0)
			raise_taken("number_prefix", "prefix", values[NUMBER_PREFIX].text);
	}
	if (plan_write(&update_channel, args, nulls) > 0)
		channel_event(verb, "channel.updated");
	else
		(void) plan_write(&select_channel, args, NULL);
}

/* -------------------------------------------------------------------- SQL */

OMS_VERB(channel_create);

static Datum
channel_create(Verb *verb, FunctionCallInfo fcinfo)
{
	FieldValue values[MEMBERS];

	channel_read(json_arguments(fcinfo, 0), true, values);
	channel_insert(verb, values);
	return (Datum) 0;
}

OMS_VERB(channel_update);

static Datum
channel_update(Verb *verb, FunctionCallInfo fcinfo)
{
	FieldValue values[MEMBERS];

	channel_read(json_arguments(fcinfo, 1), false, values);
	channel_change(verb, PG_ARGISNULL(0) ? "" : TextDatumGetCString(PG_GETARG_DATUM(0)), values);
	return (Datum) 0;
}

/* ------------------------------------------------------------------- REST */

/* channel_reply answers with the channel in the first row of the last plan */
static Datum
channel_reply(Verb *verb)
{
	StringInfo reply = reply_begin(verb);

	json_row(reply, SPI_tuptable, 0);
	return reply_datum(reply);
}

REST_QUERY(rest_channel_list);

static Datum
rest_channel_list(Verb *verb, FunctionCallInfo fcinfo)
{
	return list_whole(verb, &select_channels);
}

REST_VERB(rest_channel_create);

static Datum
rest_channel_create(Verb *verb, FunctionCallInfo fcinfo)
{
	text *body = PG_GETARG_TEXT_PP(2);
	text *key = PG_ARGISNULL(3) ? NULL : PG_GETARG_TEXT_PP(3);
	FieldValue values[MEMBERS];
	Datum answer;

	if (idempotency_find(verb, key, "channel_create", body, &answer))
		return answer;
	channel_read(body, true, values);
	channel_insert(verb, values);
	answer = channel_reply(verb);
	idempotency_keep(verb, key, "channel_create", body, answer);
	return answer;
}

REST_QUERY(rest_channel_get);

static Datum
rest_channel_get(Verb *verb, FunctionCallInfo fcinfo)
{
	Datum code = PG_GETARG_DATUM(2);

	if (plan_read(&select_channel, &code, NULL) == 0)
		raise_not_found(TextDatumGetCString(code));
	return channel_reply(verb);
}

REST_VERB(rest_channel_update);

static Datum
rest_channel_update(Verb *verb, FunctionCallInfo fcinfo)
{
	FieldValue values[MEMBERS];

	channel_read(PG_GETARG_TEXT_PP(3), false, values);
	channel_change(verb, TextDatumGetCString(PG_GETARG_DATUM(2)), values);
	return channel_reply(verb);
}
