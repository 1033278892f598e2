-- The password of the login role omsd, from the environment, so that neither ps nor a log shows it.
\getenv password OMS_NEW_PASSWORD
SET log_min_error_statement = panic;
ALTER ROLE omsd PASSWORD :'password';
