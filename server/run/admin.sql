-- Makes the first administrator. The password comes by the environment, so that neither ps nor a log shows it.
\getenv password OMS_NEW_PASSWORD
\o /dev/null
SET log_min_error_statement = panic;
SELECT oms.account_create('admin', :'password', 'admin');
