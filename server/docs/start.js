// Starts Swagger UI. A token that is asked for in the page authorizes the page.
'use strict';

window.addEventListener('load', () => {
	const ui = window.SwaggerUIBundle({
		url: new URL('../schema/', window.location.href).href,
		dom_id: '#swagger-ui',
		deepLinking: true,
		tryItOutEnabled: false,
		persistAuthorization: false,
		displayRequestDuration: true,
		validatorUrl: null,
		responseInterceptor: (response) => {
			const path = new URL(response.url, window.location.href).pathname;

			if (response.ok && /\/token\/(refresh\/)?$/.test(path) && response.obj && response.obj.access)
				ui.preauthorizeApiKey('bearer', response.obj.access);
			return response;
		},
	});
});
