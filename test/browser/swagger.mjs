// Opens Swagger UI, authorizes, places an order by "Try it out", and looks at what the page did meanwhile.
import { chromium } from 'playwright-core';

const url = process.env.OMS_URL.replace(/\/$/, '');
const origin = new URL(url).origin;
let passed = 0;
let failed = 0;

/** Runs one test and counts it; after a step that failed, the steps that build on it are not tried. */
async function test(name, work) {
	if (failed && !name.startsWith('no ')) return;
	try {
		await work();
		passed++;
		console.log(`ok      ${name}`);
	} catch (error) {
		failed++;
		console.log(`FAILED  ${name}: ${error.stack}`);
	}
}

function check(truth, message) {
	if (!truth) throw new Error(message);
}

/** A JSON request beside the browser; throws unless the status is the wanted one. */
async function call(method, path, wanted, body, token) {
	const answer = await fetch(url + path, {
		method,
		headers: {
			...(body && { 'content-type': 'application/json' }),
			...(token && { authorization: `Bearer ${token}` }),
		},
		body: body && JSON.stringify(body),
	});
	const text = await answer.text();
	check(answer.status === wanted, `${method} ${path}: ${answer.status} ${text}`);
	return JSON.parse(text);
}

/** The block of an operation, unfolded. */
async function operation(page, method, path) {
	const block = page.locator(`.opblock-${method}`).filter({
		has: page.locator(`.opblock-summary-path[data-path$="${path}"]`),
	}).first();
	await block.locator('.opblock-summary').click();
	await block.locator('.opblock-body').waitFor();
	return block;
}

/** Types body into the editor of a block, executes, returns [status, text] of the answer shown. */
async function execute(block, body) {
	if (body !== undefined) await block.locator('textarea.body-param__text').fill(JSON.stringify(body, null, 2));
	await block.locator('button.execute').click();
	const row = block.locator('.live-responses-table tbody tr.response').first();
	await row.waitFor();
	return [
		Number((await row.locator('.response-col_status').innerText()).match(/\d+/)[0]),
		await row.locator('.response-col_description').innerText(),
	];
}

const { access } = await call('POST', '/api/v1/token/', 200, { username: 'admin', password: process.env.OMS_ADMIN_PASSWORD });
const sku = `BROWSER-${Date.now()}`;
const product = await call('POST', '/api/v1/products/', 201, { name: 'Browser', about: '', sku, price: '12.50' }, access);

const browser = await chromium.launch({
	executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
	args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
		'--disable-component-update', '--disable-sync'],
});
const page = await browser.newPage({ viewport: { width: 1200, height: 900 } });
page.setDefaultTimeout(10000);

const seen = { foreign: [], failed: [], errors: [], violations: [] };
page.on('request', (r) => {
	if (!/^(data|blob):/.test(r.url()) && new URL(r.url()).origin !== origin) seen.foreign.push(r.url());
});
page.on('requestfailed', (r) => seen.failed.push(`${r.url()} ${r.failure()?.errorText}`));
page.on('response', (r) => { if (r.status() >= 400) seen.failed.push(`${r.status()} ${r.url()}`); });
page.on('pageerror', (e) => seen.errors.push(String(e)));
page.on('console', (m) => { if (m.type() === 'error') seen.errors.push(m.text()); });
await page.exposeFunction('reportViolation', (text) => seen.violations.push(text));
await page.addInitScript(() => document.addEventListener('securitypolicyviolation', (e) =>
	window.reportViolation(`${e.violatedDirective} ${e.blockedURI} ${e.sourceFile}:${e.lineNumber}`)));

let block;

await test('Swagger UI shows the operations', async () => {
	await page.goto(`${url}/api/docs/`);
	await page.locator('.opblock').first().waitFor();
	const document = await call('GET', '/api/schema/', 200);
	const count = Object.values(document.paths).flatMap((item) =>
		Object.keys(item).filter((k) => ['get', 'post', 'put', 'patch', 'delete'].includes(k))).length;
	check(await page.locator('.opblock').count() === count, `${await page.locator('.opblock').count()} of ${count} operations`);
	check((await page.locator('.info .title').innerText()).includes(document.info.title), 'title');
});

await test('an order without authorization is refused', async () => {
	block = await operation(page, 'post', '/orders/');
	await block.locator('button.try-out__btn').click();
	const [status] = await execute(block, { items: [{ product_id: product.id, quantity: 1 }] });
	check(status === 401, `status ${status}`);
	seen.failed.length = 0;
	seen.errors.length = 0;		// Chromium reports the 401 that was wanted
});

await test('Authorize takes the token', async () => {
	await page.locator('.auth-wrapper .btn.authorize').first().click();
	const dialog = page.locator('.dialog-ux .modal-ux');
	await dialog.locator('input').first().fill(access);
	await dialog.locator('button.authorize').first().click();
	await dialog.locator('button', { hasText: 'Logout' }).first().waitFor();
	await dialog.locator('button.btn-done').first().click();
	await dialog.waitFor({ state: 'detached' });
});

await test('Try it out places an order', async () => {
	await block.locator('button.btn-clear').click();
	const [status, text] = await execute(block, { customer_name: sku, items: [{ product_id: product.id, quantity: 3 }] });
	check(status === 201, `status ${status}: ${text}`);
	check(text.includes('37.50'), text);
	const found = await call('GET', `/api/v1/orders/?customer=${sku}`, 200, undefined, access);
	check(found.count === 1 && found.results[0].total_amount === '37.50', JSON.stringify(found));
});

await test('Try it out lists products', async () => {
	const list = await operation(page, 'get', '/products/');
	await list.locator('button.try-out__btn').click();
	const [status, text] = await execute(list);
	check(status === 200, `status ${status}: ${text}`);
});

await test('no request left the host, and all were answered', async () => {
	check(seen.foreign.length === 0, `foreign: ${seen.foreign}`);
	check(seen.failed.length === 0, `failed: ${seen.failed}`);
});

await test('no error in the console, no violation of the security policy', async () => {
	check(seen.errors.length === 0, `errors: ${seen.errors}`);
	check(seen.violations.length === 0, `violations: ${seen.violations}`);
});

await browser.close();
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
