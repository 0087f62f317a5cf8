import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createManagementHandler } from '#functions/management/create-handler.ts';
import { type Gateway, startGateway } from '#local/gateway.ts';
import { referencePages } from '#local/reference-pages.ts';
import { startTestApi, type TestApi } from '../support/api.ts';

const BROWSER = '/usr/bin/chromium';
const installed = existsSync(BROWSER);
if (!installed) console.log(`reference page: skipped, there is no ${BROWSER}`);

describe.runIf(installed)('the reference at /docs, in a browser', () => {
  let api: TestApi;
  let gateway: Gateway;
  beforeAll(async () => {
    api = await startTestApi();
    const management = createManagementHandler(api.app);
    gateway = await startGateway({ ingest: management, management, pages: referencePages }, { host: '127.0.0.1', port: 0 });
  });
  afterAll(async () => {
    await gateway.close();
    await api.close();
  });

  test('shows the operations, calls one with a key, and loads nothing from elsewhere', async () => {
    const origin = `http://127.0.0.1:${gateway.port}`;
    const browser = await chromium.launch({
      executablePath: BROWSER,
      args: [
        '--no-sandbox',
        '--disable-gpu',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        '--no-first-run',
      ],
    });
    try {
      const page = await browser.newPage();
      const problems: string[] = [];
      page.on('pageerror', (error) => problems.push(String(error)));
      page.on('request', (request) => {
        if (!request.url().startsWith(origin) && !request.url().startsWith('data:')) problems.push(`asks ${request.url()}`);
      });
      await page.goto(`${origin}/docs`);
      await page.waitForSelector('.opblock-tag');
      expect(await page.locator('.opblock-tag').allInnerTexts()).toEqual(
        expect.arrayContaining(['Customers', 'Events', 'Invoices', 'Subscriptions']),
      );

      expect(await page.locator('#key').textContent()).toContain('sk_local_flexprice_test_key');
      await page.click('.btn.authorize');
      // The cursor stands where the key belongs.
      await page.waitForFunction(`document.activeElement === document.querySelector('.auth-container input')`);
      await page.keyboard.type(api.key);
      await page.click('.auth-btn-wrapper .authorize');
      await page.click('.auth-btn-wrapper .btn-done');
      await page.click('#operations-tag-Users');
      await page.click('#operations-Users-getUserInfo .opblock-summary-control');
      await page.click('#operations-Users-getUserInfo .try-out__btn');
      await page.click('#operations-Users-getUserInfo .execute');
      await page.waitForSelector('#operations-Users-getUserInfo .live-responses-table .response-col_status');
      expect(await page.locator('#operations-Users-getUserInfo .live-responses-table').textContent()).toContain(api.ctx.tenantId);
      expect(problems).toEqual([]);
    } finally {
      await browser.close();
    }
  });
});
