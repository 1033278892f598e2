/*
 * allocation.c
 *	  Which locations the units of an order or a hold come from.
 *
 * Of the active locations the smallest number that together have all is taken,
 * for each is a parcel; among equals the one that comes first in the order of
 * taking (oms.location.priority, then id).  What lies on the shelf is used
 * first; only when no set of locations has all are backorders counted in.
 */
#include "allocation.h"

#include "utils/json.h"

/* sets of locations that are looked at before a good one will do instead of the best */
#define MAX_TRIES 100000

/* Demand: all that is wanted of a product */
typedef struct Demand
{
	int64 product_id;
	int64 quantity;
	const char *sku;
	StockRow *rows; /* of the product */
	int nrows;
} Demand;

/* Search: what is free of each demand at each location, in the order of taking */
typedef struct Search
{
	Demand *demands;
	int ndemands;
	int nplaces;
	int *ranks;  /* of the places */
	int64 *free; /* [demand * nplaces + place] */
	int *chosen; /* places, ascending */
	int nchosen;
	int tries;
} Search;

static int
compare_demand(const void *a, const void *b)
{
	int64 x = ((const Demand *) a)->product_id;
	int64 y = ((const Demand *) b)->product_id;

	return (x > y) - (x < y);
}

/* add_up merges the wants of one product, so that none passes alone */
static Demand *
add_up(StockBatch *batch, const StockWant *wants, int nwants, int *ndemands)
{
	Demand *demands = palloc(sizeof(Demand) * Max(nwants, 1));
	int m = 0;

	for (int i = 0; i < nwants; i++)
		demands[i] = (Demand){wants[i].product_id, wants[i].quantity, wants[i].sku, NULL, 0};
	qsort(demands, nwants, sizeof(Demand), compare_demand);
	for (int i = 0; i < nwants; i++)
	{
		if (m > 0 && demands[m - 1].product_id == demands[i].product_id)
			demands[m - 1].quantity += demands[i].quantity;
		else
			demands[m++] = demands[i];
	}
	for (int i = 0; i < m; i++)
		demands[i].rows = stock_of(batch, demands[i].product_id, &demands[i].nrows);
	*ndemands = m;
	return demands;
}

/* free_units returns what may be taken from a row, with or without its backorders */
static int64
free_units(const StockRow *row, bool backorder)
{
	int64 units = stock_available(row) + (backorder ? row->backorder_limit : 0);

	return row->rank < 0 ? 0 : Max(units, 0);
}

static int64
free_in_all(const Demand *demand, bool backorder)
{
	int64 units = 0;

	for (int i = 0; i < demand->nrows; i++)
		units += free_units(&demand->rows[i], backorder);
	return units;
}

/* row_at returns the demand's row at a chosen place, or NULL */
static StockRow *
row_at(const Demand *demand, int rank)
{
	for (int i = 0; i < demand->nrows; i++)
		if (demand->rows[i].rank == rank)
			return &demand->rows[i];
	return NULL;
}

static int
compare_int(const void *a, const void *b)
{
	return *(const int *) a - *(const int *) b;
}

/* search_begin notes the places that have something of what is wanted */
static void
search_begin(Search *search, Demand *demands, int ndemands, bool backorder)
{
	int nrows = 0;
	int n = 0;

	memset(search, 0, sizeof(*search));
	search->demands = demands;
	search->ndemands = ndemands;
	for (int i = 0; i < ndemands; i++)
		nrows += demands[i].nrows;
	search->ranks = palloc(sizeof(int) * Max(nrows, 1));
	for (int i = 0; i < ndemands; i++)
		for (int j = 0; j < demands[i].nrows; j++)
			if (free_units(&demands[i].rows[j], backorder) > 0)
				search->ranks[n++] = demands[i].rows[j].rank;
	qsort(search->ranks, n, sizeof(int), compare_int);
	for (int i = 0; i < n; i++)
		if (i == 0 || search->ranks[i] != search->ranks[search->nplaces - 1])
			search->ranks[search->nplaces++] = search->ranks[i];
	search->chosen = palloc(sizeof(int) * Max(search->nplaces, 1));
	search->free = palloc0(sizeof(int64) * Max(search->nplaces, 1) * ndemands);
	for (int i = 0; i < ndemands; i++)
		for (int j = 0; j < search->nplaces; j++)
		{
			StockRow *row = row_at(&demands[i], search->ranks[j]);

			search->free[i * search->nplaces + j] = row ? free_units(row, backorder) : 0;
		}
}

/* covers tells whether the chosen places have all */
static bool
covers(const Search *search)
{
	for (int i = 0; i < search->ndemands; i++)
	{
		int64 units = 0;

		for (int j = 0; j < search->nchosen; j++)
			units += search->free[i * search->nplaces + search->chosen[j]];
		if (units < search->demands[i].quantity)
			return false;
	}
	return true;
}

/* choose tries the sets of a size in lexicographic order, beginning with a place */
static bool
choose(Search *search, int size, int from)
{
	if (size == 0)
		return covers(search);
	for (int place = from; place + size <= search->nplaces; place++)
	{
		if (search->tries++ > MAX_TRIES)
			return false;
		search->chosen[search->nchosen++] = place;
		if (choose(search, size - 1, place + 1))
			return true;
		search->nchosen--;
	}
	return false;
}

/* thin_out takes all places and leaves out, from the last, those that are not needed */
static void
thin_out(Search *search)
{
	search->nchosen = search->nplaces;
	for (int i = 0; i < search->nplaces; i++)
		search->chosen[i] = i;
	for (int i = search->nplaces - 1; i >= 0; i--)
	{
		int place = search->chosen[i];

		memmove(&search->chosen[i], &search->chosen[i + 1],
				sizeof(int) * (search->nchosen - i - 1));
		search->nchosen--;
		if (covers(search))
			continue;
		memmove(&search->chosen[i + 1], &search->chosen[i], sizeof(int) * (search->nchosen - i));
		search->chosen[i] = place;
		search->nchosen++;
	}
}

/* search_run finds the places to take from; false when all together have too little */
static bool
search_run(Search *search, Demand *demands, int ndemands, bool backorder)
{
	for (int i = 0; i < ndemands; i++)
		if (free_in_all(&demands[i], backorder) < demands[i].quantity)
			return false;
	search_begin(search, demands, ndemands, backorder);
	for (int size = 1; size <= search->nplaces; size++)
	{
		search->nchosen = 0;
		if (choose(search, size, 0))
			return true;
		if (search->tries > MAX_TRIES)
		{
			thin_out(search);
			return true;
		}
	}
	return ndemands == 0;
}

/*
 * take_units gives the lines their units out of the chosen places, in two
 * rounds: what lies on the shelf, then backorders.  "taken" counts what earlier
 * lines took of each row of the batch.
 */
static int
take_units(StockBatch *batch, Search *search, const StockWant *wants, int nwants, StockTake *takes)
{
	int64 *taken = palloc0(sizeof(int64) * Max(batch->nrows, 1));
	int64 *left = palloc(sizeof(int64) * Max(nwants, 1));
	int n = 0;

	for (int i = 0; i < nwants; i++)
		left[i] = wants[i].quantity;
	for (int backorder = 0; backorder <= 1; backorder++)
		for (int i = 0; i < nwants; i++)
		{
			Demand key = {.product_id = wants[i].product_id};
			Demand *demand =
				bsearch(&key, search->demands, search->ndemands, sizeof(Demand), compare_demand);

			for (int j = 0; j < search->nchosen && left[i] > 0; j++)
			{
				StockRow *row = row_at(demand, search->ranks[search->chosen[j]]);
				int64 units;

				if (row == NULL)
					continue;
				units = Min(left[i], free_units(row, backorder) - taken[row - batch->rows]);
				if (units <= 0)
					continue;
				taken[row - batch->rows] += units;
				left[i] -= units;
				takes[n++] = (StockTake){&wants[i], row, units};
			}
		}
	return n;
}

/* merge_takes joins what a line takes of one row in both rounds, which the ledger books as one */
static int
merge_takes(StockTake *takes, int n)
{
	int m = 0;

	for (int i = 0; i < n; i++)
	{
		int j = 0;

		while (j < m && (takes[j].want != takes[i].want || takes[j].row != takes[i].row))
			j++;
		if (j < m)
			takes[j].quantity += takes[i].quantity;
		else
			takes[m++] = takes[i];
	}
	return m;
}

/* one_row_each takes the usual case: each product of one line lies at one place alone */
static StockTake *
one_row_each(Demand *demands, int ndemands, const StockWant *wants, int nwants)
{
	StockTake *takes;

	if (ndemands != nwants)
		return NULL;
	for (int i = 0; i < ndemands; i++)
		if (demands[i].nrows != 1 || demands[i].rows[0].rank != demands[0].rows[0].rank ||
			free_units(&demands[i].rows[0], false) < demands[i].quantity)
			return NULL;
	takes = palloc(sizeof(StockTake) * Max(nwants, 1));
	for (int i = 0; i < nwants; i++)
	{
		Demand key = {.product_id = wants[i].product_id};
		Demand *demand = bsearch(&key, demands, ndemands, sizeof(Demand), compare_demand);

		takes[i] = (StockTake){&wants[i], &demand->rows[0], wants[i].quantity};
	}
	return takes;
}

/* allocation_find finds where the wants come from; NULL when there is not enough */
StockTake *
allocation_find(StockBatch *batch, const StockWant *wants, int nwants, int *ntakes)
{
	int ndemands;
	Demand *demands = add_up(batch, wants, nwants, &ndemands);
	StockTake *takes = one_row_each(demands, ndemands, wants, nwants);
	Search search;
	bool backorder = false;
	int places;

	*ntakes = nwants;
	if (takes)
		return takes;
	if (!search_run(&search, demands, ndemands, false))
	{
		backorder = true;
		if (!search_run(&search, demands, ndemands, true))
			return NULL;
	}
	places = search.nchosen * (backorder ? 2 : 1);
	takes = palloc(sizeof(StockTake) * Max((Size) nwants * places, 1));
	*ntakes = take_units(batch, &search, wants, nwants, takes);
	if (backorder)
		*ntakes = merge_takes(takes, *ntakes);
	return takes;
}

/* allocation_fail notes OM003 with what is wanted and available of each product that is short */
void
allocation_fail(Outcome *outcome, StockBatch *batch, const char *what, int64 order_id,
				const StockWant *wants, int nwants)
{
	StringInfoData shortages;
	int ndemands;
	Demand *demands = add_up(batch, wants, nwants, &ndemands);
	int n = 0;

	initStringInfo(&shortages);
	for (int i = 0; i < ndemands; i++)
	{
		int64 available = free_in_all(&demands[i], true);

		if (available >= demands[i].quantity)
			continue;
		appendStringInfo(&shortages,
						 "%s{\"product_id\": " INT64_FORMAT ", \"sku\": ", n++ ? ", " : "",
						 demands[i].product_id);
		escape_json(&shortages, demands[i].sku);
		appendStringInfo(&shortages,
						 ", \"wanted\": " INT64_FORMAT ", \"available\": " INT64_FORMAT "}",
						 demands[i].quantity, available);
	}
	outcome_fail(
		outcome, OMS_INSUFFICIENT_STOCK,
		psprintf("%s needs more than is available of %d product%s", what, n, n > 1 ? "s" : ""),
		order_id ? psprintf("{\"order_id\": " INT64_FORMAT ", \"shortages\": [%s]}", order_id,
							shortages.data)
				 : psprintf("{\"shortages\": [%s]}", shortages.data),
		"Receive stock, or order less.");
}

void
allocation_json(StringInfo buf, const StockTake *takes, int ntakes)
{
	appendStringInfoChar(buf, '[');
	for (int i = 0; i < ntakes; i++)
	{
		const Location *location = location_get(takes[i].row->location_id);

		appendStringInfo(buf, "%s{\"line\": %d, \"product_id\": " INT64_FORMAT ", \"location\": ",
						 i ? ", " : "", takes[i].want->line_no, takes[i].want->product_id);
		escape_json(buf, location ? location->code : "");
		appendStringInfo(buf, ", \"quantity\": " INT64_FORMAT "}", takes[i].quantity);
	}
	appendStringInfoChar(buf, ']');
}
